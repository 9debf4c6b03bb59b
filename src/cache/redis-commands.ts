/**
 * What is asked of one server, whoever says which it is, and what its answers are.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import type { Commands } from './redis-client.js';
import { WrongAnswer } from './redis-connection.js';
import { SCANNED, STEP_MS } from './redis-limits.js';
import { NoAnswer, type Trouble } from './redis-trouble.js';

/** Where all keys lie on one server. */
interface OneServer extends Scanned {
  mGet(keys: string[]): Promise<unknown>;
  multi(): Pipeline;
  ping(): Promise<unknown>;
}

interface Pipeline {
  set(key: string, bytes: Buffer, options: ReturnType<typeof keptFor>): unknown;
  execAsPipeline(): Promise<unknown>;
}

export function commandsOfOne(client: () => OneServer, trouble: Trouble): Commands {
  return {
    async get(keys) {
      const answer = await client().mGet([...keys]);
      trouble.over();
      return bytesOf(answer);
    },
    async set(values) {
      const pipeline = client().multi();
      for (const { key, bytes, ttlMs } of values) pipeline.set(key, bytes, keptFor(ttlMs));
      await pipeline.execAsPipeline();
    },
    async ping(withinMs) {
      try {
        await within(withinMs, client().ping());
      } catch (error) {
        throw trouble.errorOf(error, withinMs);
      }
      trouble.over();
      return [];
    },
    async removeAll(beginning) {
      const removal = new Removal(beginning);
      try {
        await removal.from(client());
      } catch (error) {
        throw removal.failed(trouble.why(error));
      }
      return removal.count;
    },
  };
}

export function keptFor(milliseconds: number) {
  return { expiration: { type: 'PX', value: milliseconds } } as const;
}

/**
 * The values of an answer, which node-redis gives as it came, whatever that is.
 *
 * @throws {WrongAnswer} for what is no list of values.
 */
export function bytesOf(answer: unknown): (Buffer | null)[] {
  if (!Array.isArray(answer)) throw new WrongAnswer('The answer is no list.');
  return answer.map((value: unknown) => (Buffer.isBuffer(value) ? value : null));
}

interface Scanned {
  scan(
    cursor: string,
    options: { MATCH: string; COUNT: number },
  ): Promise<{ cursor: string | Buffer; keys: readonly (string | Buffer)[] }>;
  unlink(key: string | Buffer): Promise<number>;
}

/** Keys that begin so, removed from one server or several, and counted as far as servers have said so. */
export class Removal {
  #count = 0;

  constructor(private readonly beginning: string) {}

  get count(): number {
    return this.#count;
  }

  async from(client: Scanned): Promise<void> {
    let cursor = '0';
    do {
      // Prefixes and names of profiles have no character that a pattern gives a meaning.
      const asked = { MATCH: `${this.beginning}*`, COUNT: SCANNED };
      const found = await within(STEP_MS, client.scan(cursor, asked));
      await within(STEP_MS, all(found.keys.map((key) => this.remove(client, key))));
      cursor = String(found.cursor);
    } while (cursor !== '0');
  }

  /** The error that says so, and what was removed nevertheless. */
  failed(reason: string): Error {
    return new Error(`${reason}; ${this.#count} answers are removed`);
  }

  private async remove(client: Scanned, key: string | Buffer): Promise<void> {
    const removed = await client.unlink(key);
    // Not in one expression: what others have added in the meantime would be lost.
    this.#count += removed;
  }
}

/**
 * What `promise` resolves with.
 *
 * @throws {NoAnswer} when the time is up.
 */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: ended.signal }).then(() => {
    throw new NoAnswer(milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    ended.abort();
  }
}

/** All results, or the first failure once none is left open: nothing is rejected unseen. */
export async function all<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'fulfilled') return result.value;
    throw result.reason;
  });
}
