/**
 * So much at a time, and the rest in the order in which it came, until its time is up: what a store answers is held in
 * memory.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import pLimit from 'p-limit';

import { LateSearch } from '../../engine/native-index.js';

export class Turns {
  readonly #limit: ReturnType<typeof pLimit>;

  constructor(most: number) {
    this.#limit = pLimit(most);
  }

  /**
   * Does `work` in its turn, with the milliseconds that are left of `deadlineMs`.
   *
   * @throws {LateSearch} when the time is up before.
   */
  async run<T>(deadlineMs: number, work: (leftMs: number) => Promise<T>): Promise<T> {
    const end = performance.now() + deadlineMs;
    const done = this.#limit(() => {
      const leftMs = end - performance.now();
      if (leftMs <= 0) throw new LateSearch('the time is up');
      return work(leftMs);
    });
    if (deadlineMs === Infinity) return done;
    const isDone = new AbortController();
    try {
      return await Promise.race([done, late(deadlineMs, isDone.signal)]);
    } finally {
      isDone.abort();
    }
  }
}

async function late(deadlineMs: number, signal: AbortSignal): Promise<never> {
  await sleep(deadlineMs, undefined, { signal });
  throw new LateSearch('the time is up');
}
