// Do two services give the same answers? Asked once of each target; the peer's, which are those of transformers,
// are the ones that the others are compared with.

import { FIXED, SHUFFLED } from '../lib/predict-texts.js';
import { ask } from './started.mjs';

/** How far a score may lie from the peer's, by precision. The checkpoints are random, and so narrow. */
export const TOLERANCE = { exact: 1e-4, int8: 0.1 };

/** Of every length that the load sends, and what a tokenizer may stumble over. */
const TEXTS = [
  ...SHUFFLED,
  'ok',
  'Crème brûlée, naïve façade: 3.14 % of 2,000?!',
  'It was NOT as bad as they said it would be -- but I would not go again. '.repeat(3),
  '天气很好 https://example.org/a?b=c 👍',
];

/** The answers as they are compared; asked as one list, and the fixed ones again, which a cache may then have. */
export async function answersOf(url) {
  const { predictions } = await ask(url, TEXTS);
  const again = await ask(url, FIXED);
  return [...predictions, ...again.predictions];
}

/**
 * The largest difference of a score, and the number of texts whose labels or scores are too far off. Labels may
 * come in another order only where their scores are nearer to each other than the tolerance.
 */
export function difference(answers, expected, tolerance) {
  let [largest, wrong] = [0, 0];
  for (const [index, scored] of expected.entries()) {
    const off = furthest(answers[index] ?? [], scored);
    largest = Math.max(largest, off);
    if (!(off <= tolerance) || !sameOrder(answers[index], scored, tolerance)) wrong += 1;
  }
  return { largest, wrong, texts: expected.length };
}

/** Infinity where a label is missing, or is one too many. */
function furthest(scored, expected) {
  if (scored.length !== expected.length) return Infinity;
  const scores = new Map(scored.map(({ label, score }) => [label, score]));
  return Math.max(
    ...expected.map(({ label, score }) => Math.abs((scores.get(label) ?? Infinity) - score)),
  );
}

function sameOrder(scored, expected, tolerance) {
  const scores = new Map(expected.map(({ label, score }) => [label, score]));
  return scored.every(
    ({ label }, rank) => Math.abs(scores.get(label) - expected[rank].score) <= tolerance,
  );
}
