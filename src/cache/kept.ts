/**
 * What is kept of an answer: what one model gave for one text.
 */

import type { ModelOutput } from '../engine/engine.js';

export interface Kept {
  readonly output: ModelOutput;
  /** Whether the model read only the beginning of the text. */
  readonly truncated: boolean;
}
