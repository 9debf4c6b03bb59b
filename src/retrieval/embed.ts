/**
 * Texts to vectors by the encoder of an engine, for whoever is not a request.
 */

import type { Engine, TextAnswer } from '../engine/engine.js';

/** A text's vector. */
export interface Embedded {
  readonly vector: Float32Array;
  /** Whether only the beginning of the text was read. */
  readonly isTruncated: boolean;
}

/**
 * @throws {ServiceError} as `Inference.answer`.
 */
export async function embed(
  engine: Engine,
  model: string,
  texts: readonly string[],
): Promise<readonly Embedded[]> {
  if (texts.length === 0) return [];
  const models = [model];
  const inference = engine.infer({
    texts: texts.map((text) => ({ text, models })),
    deadlineMs: 0,
    priority: 'batch',
    fresh: true,
  });
  const answer = inference.known ?? (await inference.answer);
  return answer.texts.map((text) => ({
    vector: vectorOf(text),
    isTruncated: text.truncatedBy.length > 0,
  }));
}

/** The vector in the answer of an encoder. */
export function vectorOf({ outputs: [output] }: TextAnswer): Float32Array {
  if (output?.type === 'embedding') return output.vector;
  throw new Error('The encoder gave no vector.');
}
