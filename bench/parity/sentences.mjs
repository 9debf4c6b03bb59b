// An encoder's folder, by the built engine and by sentence-transformers.
//
//   node bench/parity/sentences.mjs <model folder> [--texts 1000] [--together 32]
//
// Asks the library for the vectors of many texts (sentences.py, in a Python environment of its own) and the engine for
// the same (engine.mjs), alone and together, by a profile that says no more than the folder. Exits with 1 where a
// component differs by more than LIMIT. Not a part of `make parity`: the folder is whichever one has.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { BENCH } from '../lib/paths.mjs';
import { environment, PEER_VARIABLES } from '../lib/python.mjs';

const HERE = join(BENCH, 'parity');
const WORK = join(BENCH, '.work', 'sentences');
/** The largest difference of a component, of vectors of the length 1. */
const LIMIT = 1e-6;
const NAME = 'encoder';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    texts: { type: 'string', default: '1000' },
    together: { type: 'string', default: '32' },
  },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error('Name the folder of an encoder, as sentence-transformers writes it.');
  process.exit(2);
}

mkdirSync(WORK, { recursive: true });
environment('parity', join(HERE, 'requirements.txt'));
const python = environment('sentences', join(HERE, 'sentences_requirements.txt'), 'parity');
run(python, [join(HERE, 'sentences.py'), resolve(folder), WORK, '--texts', options.texts]);
const file = (name) => join(WORK, name);
writeFileSync(
  file('profile.yaml'),
  JSON.stringify({ models: [{ name: NAME, path: resolve(folder) }] }),
);
const expected = readLines(file('expected.jsonl')).map(({ vector }) => vector);
const differences = [
  ['alone', []],
  ['together', ['--together', options.together]],
].map(([how, more]) => {
  const out = file(`${how}.jsonl`);
  run(process.execPath, [
    join(HERE, 'engine.mjs'),
    file('profile.yaml'),
    file('texts.jsonl'),
    out,
    ...more,
  ]);
  const answers = readLines(out);
  const found = largest(
    expected,
    answers.map(({ outputs }) => outputs[NAME].vector),
  );
  const cut = answers.filter(({ truncatedBy }) => truncatedBy.length > 0).length;
  console.log(
    `${answers.length} texts, ${cut} of them cut, ${how}: differ by up to ${found.toExponential(2)}`,
  );
  return found;
});
process.exitCode = differences.every((found) => found <= LIMIT) ? 0 : 1;

/** The largest difference of two lists of vectors; a NaN must not pass for equal. */
function largest(ones, others) {
  if (ones.length !== others.length) return Infinity;
  const differences = ones.map((one, index) => {
    const other = others[index];
    if (one.length !== other.length) return Infinity;
    return Math.max(...one.map((number, place) => Math.abs(number - other[place])));
  });
  return differences.some(Number.isNaN) ? Infinity : Math.max(...differences);
}

/** Runs a step and ends with its status where it fails. */
function run(program, args) {
  const env = { ...process.env, ...PEER_VARIABLES };
  const { status, error } = spawnSync(program, args, {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

function readLines(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}
