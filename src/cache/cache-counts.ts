/**
 * What was found where, since the process began: engines come and go, and counters do not begin anew with each.
 */

import type { CacheOutcome, CacheTier } from '../engine/engine.js';

export class CacheCounts {
  readonly outcomes: Record<CacheOutcome, number> = { hit: 0, miss: 0, partial: 0, coalesced: 0 };
  readonly lookups: Record<CacheTier, { hit: number; miss: number }> = {
    memory: { hit: 0, miss: 0 },
    redis: { hit: 0, miss: 0 },
  };

  /** Of `asked` outputs so many are still `missing`. */
  looked(tier: CacheTier, asked: number, missing: number): void {
    this.lookups[tier].hit += asked - missing;
    this.lookups[tier].miss += missing;
  }
}
