// Are a server's answers right? Asked before it is measured, so that a fast wrong server cannot win.

import { expectedAnswers } from './python.mjs';

/** How far a score may lie from transformers' fp32, by precision. The checkpoints are random, and so narrow. */
const TOLERANCE = { fp32: 1e-3, bf16: 0.05, int8: 0.1 };

/**
 * Sends all texts at once, and then the last, which is cut at 512 tokens and would make a server that pads
 * compute for minutes; throws an error that names the first wrong answer. A label may differ from the
 * expected one only where the two expected scores are nearer to each other than the tolerance.
 * Returns the largest difference of a score.
 */
export async function verify(url, { models, precision }) {
  const { texts, scores } = expectedAnswers();
  const answers = await Promise.all(texts.slice(0, -1).map((text) => ask(url, text)));
  answers.push(await ask(url, texts.at(-1)));
  let largest = 0;
  for (const model of models) {
    for (const [index, text] of texts.entries()) {
      const expected = scores[model][index];
      const { label, score } = answers[index][model];
      const best = Math.max(...Object.values(expected));
      const off = Math.max(Math.abs(score - best), best - (expected[label] ?? -1));
      if (!(off <= TOLERANCE[precision]))
        throw new Error(
          `wrong answer: ${model}, ${JSON.stringify(text.slice(0, 40))}: ` +
            `${label} ${score}, expected ${JSON.stringify(expected[label])} and ${best} at best`,
        );
      largest = Math.max(largest, off);
    }
  }
  return largest;
}

async function ask(url, text) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(text),
  });
  if (!response.ok) throw new Error(`status ${response.status} instead of an answer`);
  return response.json();
}
