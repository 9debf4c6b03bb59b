/**
 * An output as the numbers that the engine gives and caches keep: a vector, or scores in class order and behind them the
 * class that was decided for, where the model decides.
 */

import type { ModelInfo, ModelOutput } from './engine.js';

/** The output that `numbers` are; nothing where `model` cannot have given so many. */
export function outputOf(
  { task, labels, decides }: ModelInfo,
  numbers: Float32Array,
): ModelOutput | undefined {
  if (task === 'embedding') return { type: 'embedding', vector: numbers };
  if (numbers.length !== labels.length + (decides ? 1 : 0)) return undefined;
  if (!decides) return { type: 'classification', labels, scores: numbers };
  const scores = numbers.subarray(0, labels.length);
  const predicted = numbers[labels.length] ?? -1;
  return predicted in labels ? { type: 'classification', labels, scores, predicted } : undefined;
}

/** The numbers of an output, as `outputOf` takes them. */
export function numbersOf(output: ModelOutput): Float32Array {
  if (output.type === 'embedding') return output.vector;
  const { scores, predicted } = output;
  return predicted === undefined ? scores : Float32Array.of(...scores, predicted);
}
