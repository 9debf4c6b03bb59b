/**
 * Asking an engine about texts, and how far two of its answers are apart.
 */

import type { Engine, ModelOutput } from '../engine/engine.js';

/** Texts per request where the queue holds as many: more than fit into a batch. */
const CHUNK = 32;

/** `texts`, or as many as `engine` takes in a request: what its queue cannot hold is refused. */
export function textsAtOnce(engine: Engine, texts: number): number {
  return Math.min(texts, engine.stats().queueCapacity);
}

/** Every model's output for each of `texts`, a request at a time. */
export async function outputs(
  engine: Engine,
  texts: readonly string[],
): Promise<readonly (readonly ModelOutput[])[]> {
  const models = engine.models.map(({ name }) => name);
  const all: (readonly ModelOutput[])[] = [];
  const size = textsAtOnce(engine, CHUNK);
  for (let start = 0; start < texts.length; start += size) {
    const chunk = texts.slice(start, start + size).map((text) => ({ text, models }));
    const { answer } = engine.infer({ texts: chunk, deadlineMs: 0, priority: 'batch' });
    all.push(...(await answer).texts.map((text) => text.outputs));
  }
  return all;
}

/** The largest difference of scores by class, or of components; NaN where there is nothing to compare. */
export function largestDifference(one: ModelOutput, other: ModelOutput): number {
  const [a, b] = [numbersOf(one), numbersOf(other)];
  if (one.type !== other.type || a.length !== b.length) return Number.NaN;
  return a.reduce((largest, value, at) => {
    const difference = Math.abs(value - (b[at] ?? Number.NaN));
    // Not Math.max alone: it is called for every component of large vectors.
    return difference > largest || Number.isNaN(difference) ? difference : largest;
  }, 0);
}

/** The cosine of the angle between two vectors; NaN where one of them has no direction. */
export function cosine(one: Float32Array, other: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, at) => sum + value * (b[at] ?? Number.NaN), 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

function numbersOf(output: ModelOutput): Float32Array {
  return output.type === 'classification' ? output.scores : output.vector;
}
