/**
 * What `chorus check` found, and which of it the profile does not allow.
 */

import type { ModelInfo } from '../engine/engine.js';
import type { Setting } from '../engine/native-models.js';
import type { Precision } from '../precisions.js';
import type { Precisions, Profile } from '../profile/schema.js';
import { LEAST_COSINE, type Drift } from './drift.js';
import type { Findings } from './findings.js';

export interface ModelReport extends ModelInfo {
  readonly tokensPerSecond: number;
  /** From the other precision, where there is one. */
  readonly drift?: Drift;
}

/** What a model's folder says, and what became of it. */
export interface FolderReport {
  readonly name: string;
  readonly architecture: string;
  /** `weights`, or the name of the graph. */
  readonly computedBy: string;
  /** Everything that was read of its tokenizer beside the vocabulary. */
  readonly settings: readonly Setting[];
}

export interface Report extends Findings {
  readonly profile: string;
  /** Those that can be served. */
  readonly folders: readonly FolderReport[];
  /** Those that were loaded: none, where some cannot be. */
  readonly models: readonly ModelReport[];
}

/** A line for each model that is loaded for nothing. */
export function unserved({ models, routes }: Profile): string[] {
  return models
    .filter(({ name }) => !routes.some(({ models }) => models.includes(name)))
    .map(({ name }) => `${name} is in the profile, and no route serves it`);
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
