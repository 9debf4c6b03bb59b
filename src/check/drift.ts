/**
 * How far a profile's answers in one precision are from those in another.
 */

import type { Engine, ModelOutput } from '../engine/engine.js';
import { largestDifference, outputs } from './self-test.js';

export interface Drift {
  readonly texts: number;
  /** The share of texts with the same best label, in [0, 1]. */
  readonly agreement: number;
  /** Differences of scores: the largest of a text, over all texts and at the 99th percentile. */
  readonly largest: number;
  readonly p99: number;
}

/** Texts per request. */
const CHUNK = 32;

/** All outputs of `texts`, a request at a time. */
export async function allOutputs(
  engine: Engine,
  texts: readonly string[],
): Promise<readonly (readonly ModelOutput[])[]> {
  const all: (readonly ModelOutput[])[] = [];
  for (let start = 0; start < texts.length; start += CHUNK) {
    all.push(...(await outputs(engine, texts.slice(start, start + CHUNK))));
  }
  return all;
}

/** The drift of the model at `position`. */
export function driftOf(
  ones: readonly (readonly ModelOutput[])[],
  others: readonly (readonly ModelOutput[])[],
  position: number,
): Drift {
  const pairs = ones.flatMap((outputs, index) => {
    const [one, other] = [outputs[position], others[index]?.[position]];
    return one && other ? [{ one, other }] : [];
  });
  const differences = pairs
    .map(({ one, other }) => largestDifference(one, other))
    .sort((a, b) => a - b);
  const agreeing = pairs.filter(({ one, other }) => best(one) === best(other)).length;
  return {
    texts: pairs.length,
    agreement: agreeing / pairs.length,
    largest: differences.at(-1) ?? 0,
    p99: differences[Math.ceil(0.99 * differences.length) - 1] ?? 0,
  };
}

function best(output: ModelOutput): string {
  return output.type === 'classification' ? (output.scores[0]?.label ?? '') : '';
}
