/**
 * Long work on the event loop, a few milliseconds at a time, so that requests are answered between.
 */

/** Of the loop at a time: no answer is much later for it. */
const SHARE_MS = 4;

export class LoopShare {
  #begunAt = performance.now();

  /** To be awaited between small steps; gives the loop to others once a share of it is used up. */
  pause(): Promise<void> | undefined {
    if (performance.now() - this.#begunAt < SHARE_MS) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#begunAt = performance.now();
        resolve();
      }),
    );
  }
}
