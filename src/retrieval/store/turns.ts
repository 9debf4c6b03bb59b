/**
 * So much at a time, and the rest in the order in which it came: what a store answers is held in memory.
 */

import { LateSearch } from '../../engine/native-index.js';

export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  /**
   * Does `work` in its turn, with the milliseconds that are left of `deadlineMs`.
   *
   * @throws {LateSearch} when the time is up before.
   */
  async run<T>(deadlineMs: number, work: (leftMs: number) => Promise<T>): Promise<T> {
    const end = performance.now() + deadlineMs;
    if (this.#free > 0) this.#free -= 1;
    else await this.turn(deadlineMs);
    try {
      return await work(end - performance.now());
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  private turn(deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        resolve();
      };
      const isFinite = deadlineMs !== Infinity;
      const timer = isFinite ? setTimeout(giveUp, deadlineMs, this.#waiting) : undefined;
      this.#waiting.push(begin);

      function giveUp(waiting: (() => void)[]): void {
        waiting.splice(waiting.indexOf(begin), 1);
        reject(new LateSearch('the time is up'));
      }
    });
  }
}
