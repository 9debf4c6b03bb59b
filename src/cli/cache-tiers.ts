/**
 * The cache of a profile, from settings: where answers are kept, and whether Redis is there.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { CacheCounts } from '../cache/cache-counts.js';
import { CachedEngine } from '../cache/cached-engine.js';
import { MemoryTier } from '../cache/memory-tier.js';
import { keysOf, Packing } from '../cache/packed.js';
import type { RedisConnection } from '../cache/redis-connection.js';
import type { RedisTier } from '../cache/redis-tier.js';
import { nameOf, placeOf, type RedisPlace } from '../cache/redis-url.js';
import { flagOf } from '../config/settings.js';
import type { Settings } from '../config/settings.js';
import type { Engine } from '../engine/engine.js';
import type { Logger } from '../log/logger.js';
import type { Profile } from '../profile/schema.js';
import { exitCodes, StartError } from '../start-error.js';
import { circuitLog } from './circuit-log.js';
import { secretOf } from './secrets.js';

/** How long a start waits for Redis where it must be there. */
const REQUIRED_WITHIN_MS = 10_000;
const TRY_AGAIN_MS = 250;
const ATTEMPT_MS = 1000;

/** What engines are given, one after another, before the first is loaded. */
export interface Cache {
  /** `engine` of `profile`, with what it answers kept: what was kept before of models that it has, too. */
  readonly over: (engine: Engine, profile: Profile) => Engine;
  readonly close: () => void;
  /** @throws {StartError} when Redis must be there and is not. */
  readonly ready: () => Promise<void>;
}

/** @throws {StartError} for a faulty URL, and secrets that cannot be read. */
export async function cacheOf(settings: Settings, logger: Logger): Promise<Cache> {
  const { cacheSize, cacheRedisRequired } = settings;
  const place = redisPlaceOf(settings);
  const secret = secretOf(settings, 'cacheSecret');
  const connection = place && (await connectTo(place));
  const counts = new CacheCounts();
  // It keeps answers by the places of their models: another list of models needs another.
  const memoryOf = last(() => (cacheSize === 0 ? undefined : new MemoryTier(cacheSize)));
  const redisOf = connection && last(await redisTiers(connection, secret, settings, logger));
  return {
    over(engine, { name }) {
      const memory = memoryOf(engine.models.map(({ digest }) => digest).join(' '));
      const redis = redisOf?.(name);
      return memory === undefined && redis === undefined
        ? engine
        : new CachedEngine(engine, { memory, redis }, counts);
    },
    close: () => connection?.close(),
    async ready() {
      if (!cacheRedisRequired || place === undefined || connection === undefined) return;
      try {
        await answersWithin(connection, REQUIRED_WITHIN_MS);
      } catch (error) {
        connection.close();
        throw new StartError([`Redis at ${nameOf(place)}: ${(error as Error).message}`]);
      }
    },
  };
}

/** The tier of a profile's name. */
async function redisTiers(
  connection: RedisConnection,
  secret: string,
  { cacheRedisPrefix, cacheRedisTimeout, cacheTtl }: Settings,
  logger: Logger,
): Promise<(name: string) => RedisTier> {
  const { RedisTier } = await import('../cache/redis-tier.js');
  const onCircuit = circuitLog(logger);
  const options = { timeoutMs: cacheRedisTimeout, ttlMs: cacheTtl, onCircuit };
  return (name) =>
    new RedisTier(connection, new Packing(keysOf(cacheRedisPrefix, name), secret), options);
}

/** Loads what speaks to Redis only where it is wanted: most starts go without. */
export async function connectTo(place: RedisPlace): Promise<RedisConnection> {
  const { connect } = await import('../cache/redis-connect.js');
  return connect(place);
}

/**
 * Where the settings say that Redis is, if they do.
 *
 * @throws {StartError} for a faulty URL, and a password that cannot be read.
 */
export function redisPlaceOf(settings: Settings): RedisPlace | undefined {
  if (settings.cacheRedisUrl === '') return undefined;
  try {
    return placeOf(settings.cacheRedisUrl, secretOf(settings, 'cacheRedisPassword'));
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      [`${flagOf('cacheRedisUrl')} ${(error as Error).message}.`],
      exitCodes.usage,
    );
  }
}

/**
 * Resolves once Redis has answered, with what is wrong with nodes of a cluster that have not; `told` is given the reason
 * of each attempt that fails.
 *
 * @throws {Error} telling why it has not, when the time is up.
 */
export async function answersWithin(
  connection: RedisConnection,
  milliseconds: number,
  told: (reason: string) => void = () => undefined,
): Promise<readonly string[]> {
  const { NoAnswer } = await import('../cache/redis-trouble.js');
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const left = deadline - performance.now();
    try {
      return await connection.ping(Math.min(ATTEMPT_MS, Math.max(1, Math.ceil(left))));
    } catch (error) {
      const isSilent = error instanceof NoAnswer;
      // An attempt of a few milliseconds would say of everything that it does not answer.
      if (deadline - performance.now() < 2 * TRY_AGAIN_MS) {
        throw isSilent ? new NoAnswer(milliseconds) : error;
      }
      told(isSilent ? 'no answer yet' : (error as Error).message);
    }
    await sleep(TRY_AGAIN_MS);
  }
}

/** `make`, not done again while the key is the one before. */
function last<V>(make: (key: string) => V): (key: string) => V {
  let known: { readonly key: string; readonly value: V } | undefined;
  return (key) => {
    if (known?.key !== key) known = { key, value: make(key) };
    return known.value;
  };
}
