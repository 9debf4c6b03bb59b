// A target that runs, with the Redis that it asks for, and what it is asked for.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { runForFigures } from '../lib/k6.mjs';
import { BENCH } from '../lib/paths.mjs';
import { startRedis } from '../lib/redis.mjs';
import { withStarted } from '../lib/server.mjs';
import { PREFIX, TARGETS } from './targets.mjs';

export const WORK = join(BENCH, '.work', 'sentiment');

/**
 * Starts `count` servers of a target, which share a Redis that is empty, and calls `use` with them as
 * `{server, base}`; they are ended whatever happens.
 */
export async function withServers(target, count, options, use) {
  const redis = TARGETS[target].redis ? await startRedis(WORK) : null;
  const command = TARGETS[target].command({ ...options, redisUrl: redis?.url });
  const logFile = (index) => join(WORK, `${target}-${index}.log`);
  try {
    return await withStarted(command, count, logFile, (servers) =>
      use(servers.map((server) => ({ server, base: `http://127.0.0.1:${server.port}${PREFIX}` }))),
    );
  } finally {
    await redis?.stop();
  }
}

/** One closed loop with texts that were sent before at `rate`; gives the figures of load.js. */
export async function closedLoop(url, rate, { connections, duration }) {
  mkdirSync(WORK, { recursive: true });
  const environment = {
    TARGET: url,
    VUS: String(connections),
    DURATION: duration,
    CACHE_RATE: String(rate),
    MODE: 'new',
  };
  return runForFigures(join(BENCH, 'sentiment', 'load.js'), environment, WORK);
}

/** Posts texts as the load does; gives `{predictions, cache}` or throws an error. */
export async function ask(url, texts) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: texts }),
  });
  if (!response.ok) throw new Error(`status ${response.status} instead of an answer`);
  const { predictions } = await response.json();
  return { predictions, cache: response.headers.get('x-cache') };
}
