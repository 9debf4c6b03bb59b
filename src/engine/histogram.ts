/**
 * A histogram that counts here, as the engine's own count in Rust.
 */

import type { HistogramSnapshot } from './engine.js';

export class Histogram {
  readonly #counts: number[];
  #sum = 0;

  /** `upperBounds`, ascending; what is above the last is counted, too. */
  constructor(private readonly upperBounds: readonly number[]) {
    this.#counts = new Array<number>(upperBounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let at = 0;
    while (value > (this.upperBounds[at] ?? Infinity)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  snapshot(): HistogramSnapshot {
    return { upperBounds: this.upperBounds, counts: [...this.#counts], sum: this.#sum };
  }
}
