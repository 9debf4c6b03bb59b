/**
 * What `chorus check` found, and which of it the profile does not allow.
 */

import type { ModelInfo } from '../engine/engine.js';
import type { Precision } from '../precisions.js';
import type { Precisions } from '../profile/schema.js';
import { LEAST_COSINE, type Drift } from './drift.js';

export interface ModelReport extends ModelInfo {
  readonly tokensPerSecond: number;
  /** From the other precision, where there is one. */
  readonly drift?: Drift;
}

export interface Report {
  readonly profile: string;
  readonly models: readonly ModelReport[];
  readonly faults: readonly string[];
}

/**
 * A line for each model whose answers in the two precisions agree on fewer texts than the profile wants of
 * the one that is not exact.
 */
export function unfit(
  models: readonly ModelReport[],
  precisions: Precisions,
  compared: readonly Precision[],
): string[] {
  const limits = compared.map((precision) =>
    precision === 'exact' ? 0 : (precisions[precision] ?? 1),
  );
  const least = Math.max(...limits);
  return models.flatMap(({ name, task, drift }) => {
    if (drift === undefined || drift.agreement >= least) return [];
    const what = task === 'classification' ? 'labels' : `vectors (cosine ${LEAST_COSINE} or more)`;
    return `${name}: ${percent(drift.agreement)} of the ${what} agree, the profile wants ${percent(least)}`;
  });
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
