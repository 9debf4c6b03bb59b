/**
 * A circuit breaker: what fails more often than not is left alone for a while, then tried once.
 *
 * Each try that fails doubles the while, up to a limit.
 */

import type { CircuitState } from '../engine/engine.js';

/** So many failures more than successes open it. */
const FAILURES = 5;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

export class Circuit {
  #failures = 0;
  #waitMs = FIRST_WAIT_MS;
  /** When the next try may be; it is open while that is so. */
  #openUntil: number | undefined;
  #isTrying = false;

  /** `now`: milliseconds that never go back. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  get state(): CircuitState {
    if (this.#openUntil === undefined) return 'closed';
    return this.#isTrying ? 'half-open' : 'open';
  }

  /** Milliseconds until the next try may be; nothing while there is no need of one, or it goes on. */
  get untilNextTry(): number | undefined {
    if (this.#openUntil === undefined || this.#isTrying) return undefined;
    return Math.max(0, this.#openUntil - this.now());
  }

  /** Whether to go on now. Who is told so says how it went, by `succeeded` or `failed`. */
  allows(): boolean {
    if (this.#openUntil === undefined) return true;
    if (this.#isTrying || this.now() < this.#openUntil) return false;
    this.#isTrying = true;
    return true;
  }

  succeeded(): void {
    this.#failures = this.#isTrying ? 0 : Math.max(0, this.#failures - 1);
    this.#openUntil = undefined;
    this.#isTrying = false;
    this.#waitMs = FIRST_WAIT_MS;
  }

  failed(): void {
    this.#failures += 1;
    if (this.#openUntil === undefined) {
      if (this.#failures >= FAILURES) this.open();
    } else if (this.#isTrying) {
      this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
      this.open();
    }
  }

  private open(): void {
    this.#isTrying = false;
    this.#openUntil = this.now() + this.#waitMs;
  }
}
