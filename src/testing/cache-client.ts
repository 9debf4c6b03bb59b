/**
 * A cache over Redis, as one process has it, over an engine of a few lines.
 */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { CachedEngine } from '../cache/cached-engine.js';
import { MemoryTier } from '../cache/memory-tier.js';
import { keysOf, Packing } from '../cache/packed.js';
import { connect } from '../cache/redis-connect.js';
import { RedisTier, type RedisTierOptions } from '../cache/redis-tier.js';
import { placeOf } from '../cache/redis-url.js';
import type { CacheStats } from '../engine/engine.js';
import { fakeEngine } from './fake-engine.js';
import { until } from './until.js';

export const MODELS = ['ivanlau', 'svalabs'];
export const TIMEOUT_MS = 20;

interface CacheOptions {
  readonly password?: string;
  readonly memory?: boolean;
  readonly ttlMs?: number;
  readonly timeoutMs?: number;
  readonly onCircuit?: RedisTierOptions['onCircuit'];
}

/** A cache over `url`, as one process has it. */
export function cacheClient(context: TestContext, url: string, options: CacheOptions = {}) {
  const { password = '', memory = false, ttlMs = 60_000, timeoutMs = TIMEOUT_MS } = options;
  const { onCircuit = () => undefined } = options;
  const engine = fakeEngine();
  const connection = connect(placeOf(url, password));
  const packing = new Packing(keysOf('chorus', 'own'), 'secret');
  const redis = new RedisTier(connection, packing, { timeoutMs, ttlMs, onCircuit });
  const cached = new CachedEngine(engine, {
    memory: memory ? new MemoryTier(1 << 20) : undefined,
    redis,
  });
  context.after(() => {
    connection.close();
  });
  const figures = (): CacheStats => cached.stats().cache ?? assert.fail('it has a cache');
  /** Asks, and compares with what the engine gives without a cache. */
  const ask = (...texts: readonly string[]) => askWithin(1000, ...texts);
  const askWithin = async (deadlineMs: number, ...texts: readonly string[]) => {
    const request = {
      texts: texts.map((text) => ({ text, models: MODELS })),
      deadlineMs,
      priority: 'interactive',
      fresh: false,
    } as const;
    const answer = await cached.infer(request).answer;
    const plain = await fakeEngine().infer(request).answer;
    assert.deepEqual(answer.texts, plain.texts);
    return answer.cache?.outcome ?? assert.fail('it has a cache');
  };
  return {
    engine,
    cached,
    connection,
    ask,
    askWithin,
    figures,
    redis: () => figures().redis ?? assert.fail('it has Redis'),
    /** Until Redis is asked and answers; `text` is asked for and kept on the way. */
    connected: (text = 'a') => until(async () => (await ask(text)) === 'hit', 'a hit'),
  };
}

export type CacheClient = ReturnType<typeof cacheClient>;

/** Asks for `texts` many times, many at once: none fails, and after a while none asks Redis. */
export async function asksMuch({ ask, redis }: CacheClient): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 20 }, (_, at) => ask(`${round} ${at}`, 'a')));
  }
  assert.notEqual(redis().circuit, 'closed');
}

export async function hitsAgain({ ask }: CacheClient): Promise<void> {
  await until(async () => (await ask('again')) === 'hit', 'Redis is asked again');
}
