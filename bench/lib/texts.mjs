// The sets of texts that are sent: the shared ones where they are, else what the project ships.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT, sharedData } from './paths.mjs';
import { countTokens } from './tokens.mjs';

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

/** Sets that are made of `bench_mix` by token counts: all short, and nineteen short for one long. */
const MADE = { short: makeShort, long5: makeLong5 };
const SHORT_TOKENS = 16;
const LONG_TOKENS = 512;
const SHORT_PER_LONG = 19;

export const TEXT_SETS = ['bench_mix', 'k6_payloads', 'shipped', ...Object.keys(MADE)];

/**
 * The set as `{name, path, texts}`: `path` is a JSONL file of the same strings, written into `folder`.
 * Without the shared data every set is the shipped texts, and the name says so.
 */
export function textSet(name, folder) {
  const made = MADE[name];
  const source =
    name === 'shipped' ? null : sharedData('texts', `${made ? 'bench_mix' : name}.jsonl`);
  const base = source ? readTexts(source) : shipped();
  const texts = made ? made(base, folder) : spread(base);
  const set = { name: source ? name : 'shipped', path: join(folder, `${name}.jsonl`), texts };
  writeFileSync(set.path, texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
  return set;
}

/** At most 16 tokens in every tokenizer. */
function makeShort(texts, folder) {
  const counts = countTokens(texts, folder);
  return spread(texts.filter((_, index) => Math.max(...counts[index]) <= SHORT_TOKENS));
}

/** Every twentieth text is cut at 512 tokens in every tokenizer: many joined. */
function makeLong5(texts, folder) {
  const short = makeShort(texts, folder);
  const counts = countTokens(texts, folder);
  const long = [];
  let [parts, tokens] = [[], 0];
  for (const [index, text] of texts.entries()) {
    parts.push(text);
    // Two are special tokens; a joint may cost or save one.
    tokens += Math.min(...counts[index]) - 3;
    if (tokens < LONG_TOKENS) continue;
    long.push(parts.join(' '));
    [parts, tokens] = [[], 0];
  }
  return short.flatMap((text, index) =>
    index % SHORT_PER_LONG === 0 ? [long[(index / SHORT_PER_LONG) % long.length], text] : [text],
  );
}

/**
 * The texts in an order in which every stretch has the lengths of the whole: sorted by length, then
 * visited in steps of the golden section. In the same time a slow server answers a few dozen and a fast
 * one thousands; with this order both had the same mix, and their rates compare.
 */
export function spread(texts) {
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

/** The starter models' smoke texts (below a header, the first column), else one line after another of every file of their corpus. */
function shipped() {
  const smoke = join(STARTER, 'smoke.tsv');
  const corpus = join(STARTER, 'corpus');
  if (existsSync(smoke)) return columns(smoke).slice(1).map(([text]) => text);
  if (!existsSync(corpus)) return LAST_RESORT;
  const files = readdirSync(corpus, { recursive: true }).filter((name) =>
    /\.(txt|tsv)$/.test(name),
  );
  const texts = files.sort().map((name) => columns(join(corpus, name)).map((row) => row.at(-1)));
  const longest = Math.max(...texts.map(({ length }) => length));
  const rows = Array.from({ length: longest }, (_, row) => texts.map((file) => file[row]));
  return rows.flat().filter((text) => text !== undefined);
}

/** The columns of each line of a TSV file, a header's among them; remarks are left out. */
function columns(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t'));
}
