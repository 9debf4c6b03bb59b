/**
 * A histogram of durations, as the engine's own are.
 */

import type { HistogramSnapshot } from '../engine/engine.js';

/** Seconds: Redis on the same network answers within the first few, and nobody waits for more than some. */
const UPPER_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 1];

export class Durations {
  readonly #counts = new Array<number>(UPPER_BOUNDS.length + 1).fill(0);
  #sum = 0;

  observe(seconds: number): void {
    const bucket = UPPER_BOUNDS.findIndex((bound) => seconds <= bound);
    const at = bucket < 0 ? UPPER_BOUNDS.length : bucket;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += seconds;
  }

  snapshot(): HistogramSnapshot {
    return { upperBounds: UPPER_BOUNDS, counts: [...this.#counts], sum: this.#sum };
  }
}
