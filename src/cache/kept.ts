/**
 * What is kept of an answer: what one model gave for one text.
 */

import type { ModelOutput } from '../engine/engine.js';

export interface Kept {
  readonly output: ModelOutput;
  /** Whether the model read only the beginning of the text. */
  readonly truncated: boolean;
}

/** The numbers of an output: a score for each class, or a vector. */
export function numbersOf(output: ModelOutput): Float32Array {
  return output.type === 'classification' ? output.scores : output.vector;
}
