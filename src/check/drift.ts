/**
 * How far a profile's answers in one precision are from those in another.
 */

import type { ModelOutput } from '../engine/engine.js';
import { best } from '../engine/scores.js';
import { cosine, largestDifference, type Outputs } from './outputs.js';

export interface Drift {
  readonly texts: number;
  /** The share of texts, in [0, 1], with the same best label or, of an encoder, with vectors that agree. */
  readonly agreement: number;
  /**
   * How far a text's answers are apart, the most of all texts and at the 99th percentile: the largest
   * difference of its scores, or 1 less the cosine of its vectors.
   */
  readonly largest: number;
  readonly p99: number;
}

/**
 * Vectors agree from this cosine on. The starter models as encoders, on 400 texts, keep to 0.9997 in int8 and
 * to 0.99997 in bf16, and half of their vectors of different texts are below 0.80.
 */
export const LEAST_COSINE = 0.99;

/** The drift of the model at `position`; `ones` and `others` answer the same texts. */
export function driftOf(ones: Outputs, others: Outputs, position: number): Drift {
  // A text that a model cannot read has no answers in any precision.
  const pairs = ones.flatMap((outputs, index) =>
    outputs.length === 0 && others[index]?.length === 0
      ? []
      : compared(outputs[position], others[index]?.[position]),
  );
  const distances = pairs.map(({ distance }) => distance).sort((a, b) => a - b);
  return {
    texts: pairs.length,
    agreement: pairs.filter(({ agree }) => agree).length / pairs.length,
    largest: distances.at(-1) ?? 0,
    p99: distances[Math.ceil(0.99 * distances.length) - 1] ?? 0,
  };
}

function compared(
  one: ModelOutput | undefined,
  other: ModelOutput | undefined,
): { agree: boolean; distance: number } {
  if (one?.type === 'embedding' && other?.type === 'embedding') {
    const similarity = cosine(one.vector, other.vector);
    return { agree: similarity >= LEAST_COSINE, distance: 1 - similarity };
  }
  if (one?.type === 'classification' && other?.type === 'classification') {
    const agree = best(one).label === best(other).label;
    return { agree, distance: largestDifference(one, other) };
  }
  throw new Error('Only answers of the same model can be compared.');
}
