/**
 * How late the event loop is: by how much a timer comes after its time. So long has whatever came meanwhile waited.
 */

const EVERY_MS = 25;

export class LoopLag {
  #due = performance.now() + EVERY_MS;
  #lag = 0;
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.#lag = now - this.#due;
    this.#due = now + EVERY_MS;
  }, EVERY_MS).unref();

  /** By the last timer, or by the one that should have come. */
  get milliseconds(): number {
    return Math.max(this.#lag, performance.now() - this.#due, 0);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
