/**
 * What is told of the index that is served.
 */

import type { HistogramSnapshot } from '../engine/engine.js';
import { Histogram } from '../engine/histogram.js';
import type { NodeFailures } from './index-source.js';
import type { SearchKind } from './manifest.js';

export interface IndexStats {
  readonly generation: string;
  readonly rows: number;
  readonly dimensions: number;
  readonly bytes: number;
  readonly search: SearchKind;
  /** Measured when it was built. */
  readonly recallAt1: number;
  readonly recallAt10: number;
  /** Whether the pointer names another, which cannot be served. */
  readonly isBehind: boolean;
  readonly switches: Readonly<Record<'done' | 'failed', number>>;
  readonly searchSeconds: HistogramSnapshot;
  readonly failedSearches: number;
  /** Until a text would be looked for that came now, once it has its vector. */
  readonly expectedWaitSeconds: number;
  /** Where the index is in a store: what its nodes have not answered. */
  readonly nodes: readonly NodeFailures[];
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What is counted for as long as the process runs, whatever is loaded anew. */
export class Tally {
  readonly switches = { done: 0, failed: 0 };
  readonly seconds = new Histogram(SECONDS);
  failedSearches = 0;

  stats(): Pick<IndexStats, 'switches' | 'searchSeconds' | 'failedSearches'> {
    const { switches, seconds, failedSearches } = this;
    return { switches: { ...switches }, searchSeconds: seconds.snapshot(), failedSearches };
  }
}
