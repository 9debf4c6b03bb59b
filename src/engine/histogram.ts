/**
 * A histogram that counts here, as the engine's own count in Rust.
 */

import type { Exemplar, HistogramSnapshot } from './engine.js';

export class Histogram {
  readonly #counts: number[];
  readonly #exemplars: (Exemplar | undefined)[] = [];
  #sum = 0;

  /** `upperBounds`, ascending; what is above the last is counted, too. */
  constructor(private readonly upperBounds: readonly number[]) {
    this.#counts = new Array<number>(upperBounds.length + 1).fill(0);
  }

  /** `traceId`: of a request whose spans can be looked at; a bucket keeps its last. */
  observe(value: number, traceId?: string): void {
    let at = 0;
    while (value > (this.upperBounds[at] ?? Infinity)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
    if (traceId !== undefined) this.#exemplars[at] = { traceId, value, seconds: Date.now() / 1000 };
  }

  snapshot(): HistogramSnapshot {
    const { upperBounds } = this;
    const exemplars = [...this.#exemplars];
    return { upperBounds, counts: [...this.#counts], sum: this.#sum, exemplars };
  }
}
