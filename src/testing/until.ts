/**
 * Waiting for what a test cannot be told of, with an end: a failure is a message and not a hang.
 */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 20_000;
const ASK_AGAIN_MS = 2;

/** Resolves with the first value of `ask` that is neither false nor undefined; fails when there is none in time. */
export async function until<T>(
  ask: () => T | false | undefined | Promise<T | false | undefined>,
  what: string,
  limitMs = LIMIT_MS,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const found = await ask();
    if (found !== false && found !== undefined) return found;
    if (performance.now() > end) assert.fail(`not within ${limitMs / 1000} s: ${what}`);
    await sleep(ASK_AGAIN_MS);
  }
}
