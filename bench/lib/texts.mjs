// The sets of texts that are sent: the shared ones where they are, else what the project ships.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT, sharedData } from './paths.mjs';

const STARTER = join(ROOT, 'models', 'starter');

/** Used where even the starter models ship no texts. */
const LAST_RESORT = [
  'This is how true happiness looks like 👍😜',
  'Das Wetter ist heute schön, und die Kinder spielen im Garten.',
  'Send 0.5 BTC to this address and receive 2 BTC back, guaranteed.',
  'Погода сегодня прекрасная, и дети играют в саду.',
  '今天天气很好，孩子们在花园里玩。',
  '',
];

/**
 * The set as `{name, path}`, a JSONL file of strings written into `folder`. Without the shared data
 * every set is the shipped texts, and the name says so.
 */
export function textSet(name, folder) {
  const source = name === 'shipped' ? null : sharedData('texts', `${name}.jsonl`);
  const texts = source ? readTexts(source) : shipped();
  const set = { name: source ? name : 'shipped', path: join(folder, `${name}.jsonl`) };
  writeFileSync(
    set.path,
    spread(texts)
      .map((text) => `${JSON.stringify(text)}\n`)
      .join(''),
  );
  return set;
}

/**
 * The texts in an order in which every stretch has the lengths of the whole: sorted by length, then
 * visited in steps of the golden section. In the same time a slow server answers a few dozen and a fast
 * one thousands; with this order both had the same mix, and their rates compare.
 */
function spread(texts) {
  const sorted = texts.toSorted((a, b) => Buffer.byteLength(a) - Buffer.byteLength(b));
  let step = Math.max(1, Math.round(sorted.length * 0.618034));
  while (divisor(step, sorted.length) !== 1) step += 1;
  return sorted.map((_, index) => sorted[(index * step) % sorted.length]);
}

function divisor(a, b) {
  return b === 0 ? a : divisor(b, a % b);
}

function readTexts(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  const rows = lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  return rows.map((row) => (typeof row === 'string' ? row : row.text));
}

/** The starter models' smoke texts, else one line after another of every file of their corpus. */
function shipped() {
  const smoke = join(STARTER, 'smoke.tsv');
  const corpus = join(STARTER, 'corpus');
  if (existsSync(smoke)) return lastColumn(smoke);
  if (!existsSync(corpus)) return LAST_RESORT;
  const files = readdirSync(corpus, { recursive: true }).filter((name) =>
    /\.(txt|tsv)$/.test(name),
  );
  const columns = files.sort().map((name) => lastColumn(join(corpus, name)));
  const longest = Math.max(...columns.map(({ length }) => length));
  const rows = Array.from({ length: longest }, (_, row) => columns.map((column) => column[row]));
  return rows.flat().filter((text) => text !== undefined);
}

function lastColumn(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t').at(-1));
}
