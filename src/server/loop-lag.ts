/**
 * Whether the event loop is late: by how much a timer comes after its time.
 */

const EVERY_MS = 25;

/** Later than this, and everything that a request asks of the loop takes as long. */
const LATE_MS = 50;

export class LoopLag {
  #due = performance.now() + EVERY_MS;
  #lag = 0;
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.#lag = now - this.#due;
    this.#due = now + EVERY_MS;
  }, EVERY_MS).unref();

  /** By the last timer, or by the one that should have come. */
  get isLate(): boolean {
    return Math.max(this.#lag, performance.now() - this.#due) > LATE_MS;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
