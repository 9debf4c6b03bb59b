/**
 * What a running service may be asked to serve instead, and what becomes of it.
 */

import { ServiceError } from '../errors/service-error.js';
import type { Precision } from '../precisions.js';
import { StartError } from '../start-error.js';
import type { Loaded } from './generation.js';

/** What is to be served, where that is not what the settings say. */
export interface Wanted {
  /** A name of a shipped profile or the path of a file, as of `--profile`. */
  readonly profile?: string;
  readonly precision?: Precision;
}

/**
 * Loads what is wanted, beside what it has loaded before, and tries it.
 *
 * @throws {StartError} when it cannot be served.
 */
export type Load = (wanted: Wanted) => Promise<Loaded>;

/** What a reload has led to. */
export interface Reloaded {
  readonly generation: number;
  readonly profile: string;
  readonly models: readonly string[];
  /** How long it took until requests were answered by it. */
  readonly seconds: number;
}

/** Why a reload has failed, as it is told: what was served before goes on. */
export function reloadError(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const lines = thrown instanceof StartError ? thrown.lines.join(' ') : 'An unexpected error.';
  return new ServiceError('reload_failed', lines, { cause: thrown });
}
