/**
 * A classifier's scores as answers present them.
 *
 * The engine gives a score for each class, in class order and however many there are; which of them an
 * answer shows, and in which order, is decided here, once for every contract.
 */

import { ServiceError } from '../errors/service-error.js';
import type { ClassScores, ModelOutput } from './engine.js';

export interface LabelScore {
  readonly score: number;
  readonly label: string;
}

/** The label that the model has decided for: where it does not say which, that with the highest score. */
export function best({ labels, scores, predicted }: ClassScores): LabelScore {
  const top = predicted ?? highest(scores);
  const [score, label] = [scores[top], labels[top]];
  if (score === undefined || label === undefined) {
    throw new ServiceError('internal', 'A classifier gave no label.');
  }
  return { score, label };
}

/** The first of those that no other exceeds. */
function highest(scores: Float32Array): number {
  let top = 0;
  for (let at = 1; at < scores.length; at += 1) {
    if ((scores[at] ?? 0) > (scores[top] ?? 0)) top = at;
  }
  return top;
}

/** Every label, that of class 0 first. */
export function inClassOrder({ labels, scores }: ClassScores): LabelScore[] {
  return labels.map((label, at) => ({ label, score: scores[at] ?? Number.NaN }));
}

/** Every label, best first; those with equal scores stay in class order. */
export function ranked(output: ClassScores): LabelScore[] {
  return inClassOrder(output).sort((a, b) => b.score - a.score);
}

/** @throws {ServiceError} `internal`: contracts are only given models of the tasks that they take. */
export function classScoresOf(output: ModelOutput | undefined): ClassScores {
  if (output?.type === 'classification') return output;
  throw new ServiceError('internal', 'A classifier gave no scores.');
}
