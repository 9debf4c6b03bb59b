// Writes native/fixtures/fuzz: small folders with what transformers answers, for tests that run without Python.
//
//   node bench/parity/fuzz-fixtures.mjs
//
// Run by hand where folders.py, recipes.py or what is refused has changed, and commit the result. All of
// recipes.py, and of the random folders SERVED that are answered and REFUSED that are not, as various as can be.
// Refuses to write what differs. The format is in native/fixtures/README.md.

import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BENCH, ROOT } from '../lib/paths.mjs';
import { gather, isUsual, run } from './fuzz.mjs';

const HERE = join(BENCH, 'parity');
const FIXTURES = join(ROOT, 'native', 'fixtures', 'fuzz');
const SERVED = 20;
const REFUSED = 20;
/** Of which those are chosen. */
const DRAWN = 300;
const SEED = 'fixture';

async function main() {
  rmSync(FIXTURES, { recursive: true, force: true });
  mkdirSync(FIXTURES, { recursive: true });
  const drawn = ['--count', String(DRAWN), '--seed', SEED, '--small'];
  const random = await folders('random', 'folders.py', drawn);
  const recipes = await folders('recipes', 'recipes.py', []);
  const chosen = [
    ...various(random.verdicts.filter(isServed), featuresOf, SERVED),
    ...various(random.verdicts.filter(isRefused), ({ reason }) => reason, REFUSED),
  ];
  for (const verdict of chosen) write(random, verdict);
  for (const verdict of recipes.verdicts) write(recipes, verdict);
  console.log(`${chosen.length} random folders and ${recipes.verdicts.length} recipes`);
}

/** The folders of one script with all answers, and where their files are that the engine has not seen. */
async function folders(name, script, options) {
  const work = join(BENCH, '.work', 'fuzz-fixtures', name);
  const untouched = join(work, 'untouched');
  rmSync(work, { recursive: true, force: true });
  const make = (python) => run(python, [join(HERE, script), join(work, 'folders'), ...options]);
  const keep = () => cpSync(join(work, 'folders'), untouched, { recursive: true });
  return { ...(await gather(work, make, keep)), untouched };
}

function isServed({ kind, served }) {
  return kind === 'equal' && served === '4.57';
}

function isRefused({ kind }) {
  return kind === 'refused';
}

/** What makes a folder unlike others: its files, and whether version 5 answers otherwise. */
function featuresOf({ folder, alsoFive, refusedTexts }, untouched) {
  const names = readdirSync(join(untouched, folder)).filter((name) => !/-0000\d/.test(name));
  return [...names, alsoFive, refusedTexts.length > 0].join();
}

/** `count` of them, one of each kind before the second of any. */
function various(verdicts, kindOf, count) {
  const untouched = join(BENCH, '.work', 'fuzz-fixtures', 'random', 'untouched');
  const turns = new Map();
  const turn = (verdict) => {
    const kind = kindOf(verdict, untouched);
    turns.set(kind, (turns.get(kind) ?? 0) + 1);
    return turns.get(kind);
  };
  const ordered = verdicts.map((verdict) => [turn(verdict), verdict]);
  return ordered
    .toSorted(([a], [b]) => a - b)
    .slice(0, count)
    .map(([, verdict]) => verdict);
}

function write({ texts, untouched }, verdict) {
  const { folder, graph, pooling, tolerance, kind, own } = verdict;
  if (kind === 'different')
    throw new Error(`${folder} differs: ${JSON.stringify(verdict.differences[0])}`);
  cpSync(join(untouched, folder), join(FIXTURES, folder), { recursive: true });
  const head = { graph: isUsual(graph) ? '' : graph, pooling, tolerance };
  const rest =
    kind === 'refused'
      ? [`"refused":${JSON.stringify({ code: own.code, names: namesIn(own.refused) })}}\n`]
      : [
          `"transformers":"${verdict.served}","cases":[\n`,
          texts.map((text, index) => caseOf(text, index, verdict)).join(',\n'),
          '\n]}\n',
        ];
  const text = `${JSON.stringify(head).slice(0, -1)},${rest.join('')}`;
  writeFileSync(join(FIXTURES, folder, 'expected.json'), text);
}

/** The answer to one text: that of the version that is followed, or the code of a refusal. */
function caseOf(text, index, { own, four, five }) {
  const { refused } = own.answers[index];
  if (refused !== undefined) return JSON.stringify({ text, refused: refused.split(':')[0] });
  const answers = [four, five].map(({ answers = [] }) => answers[index]);
  return JSON.stringify({ text, ...answers.find((answer) => answer && !answer.refused) });
}

/** What a message is about: its file, unless it is the folder, and what it has in quotes or backquotes. */
function namesIn(message) {
  const file = /^\S*?([\w.-]*)(?=: )/.exec(message)[1];
  const quoted = [...message.matchAll(/`([^`]+)`|"([^"]+)"/g)].map(([, a, b]) => a ?? b);
  return [...(file.includes('.') ? [file] : []), ...quoted.slice(0, 3)];
}

await main();
