// What `bench/sentiment.mjs` measures: Chorus with its caches, and the service that people run today.

import { join } from 'node:path';

import { peerEnvironment, PEER_VARIABLES, PEERS_FOLDER } from '../lib/python.mjs';
import { BENCH, syntheticDir } from '../lib/paths.mjs';
import { chorus, SERVICE, tool } from '../lib/targets.mjs';

export const PREFIX = '/project';
const PEER = 'fastapi-sentiment';
/** The folder of the checkpoint, as `models/sentiment.yaml` calls the model. */
const MODEL = 'winegarj';
const MEMORY = ['--cache-size', '64MiB'];
/** As long as the longest run, and more. */
const TTL = ['--cache-ttl', '1h'];

/** Below what `make.mjs` makes: the full size, or next to no work. */
export function checkpoints({ tiny }) {
  return join(syntheticDir(), tiny ? 'tiny-sentiment' : 'sentiment');
}

/** What a cache of Chorus is, by its name in a target: what it is, whether it asks Redis, its flags. */
const CACHES = {
  none: { what: 'no cache', flags: () => ['--cache-size', '0'] },
  memory: { what: 'cache in process', flags: () => [...MEMORY, ...TTL] },
  redis: {
    what: 'cache in process and in Redis',
    redis: true,
    flags: (url) => [...MEMORY, ...TTL, '--cache-redis-url', url],
  },
  'redis-only': {
    what: 'cache in Redis alone',
    redis: true,
    flags: (url) => ['--cache-size', '0', ...TTL, '--cache-redis-url', url],
  },
};

/** `command` is called with `{redisUrl, profile, tiny, workers}`, and gives what `startServer` takes. */
function own(precision, cache) {
  const { what, redis = false, flags } = CACHES[cache];
  return {
    what: `Chorus, ${precision}, ${what}`,
    precision,
    redis,
    needs: [SERVICE],
    command: ({ redisUrl, profile, ...size }) =>
      chorus(
        profile,
        ...['--models-dir', checkpoints(size), '--path-prefix', PREFIX],
        ...['--precision', precision, '--log-level', 'warn'],
        ...flags(redisUrl),
      ),
  };
}

/** The peer; its environment is made by `setup`. */
function peer(what, ...flags) {
  const python = () => peerEnvironment('sentiment', join(PEER, 'requirements.txt'));
  return {
    what,
    precision: 'exact',
    redis: true,
    isPeer: true,
    needs: [],
    setup: python,
    command:
      ({ redisUrl, workers, ...size }) =>
      ({ port }) => ({
        file: python(),
        args: [
          join(PEERS_FOLDER, PEER, 'server.py'),
          ...['--checkpoint', join(checkpoints(size), MODEL), '--redis', redisUrl],
          ...['--port', String(port), '--workers', String(workers), ...flags],
        ],
        env: PEER_VARIABLES,
        ready: `http://127.0.0.1:${port}${PREFIX}/health`,
      }),
  };
}

/** `{what, precision, redis, isPeer, needs, setup, command}` by name. */
export const TARGETS = {
  ...Object.fromEntries(
    ['exact', 'int8'].flatMap((precision) =>
      Object.keys(CACHES).map((cache) => [`${precision}-${cache}`, own(precision, cache)]),
    ),
  ),
  peer: peer('FastAPI + transformers, fastapi-cache2 in Redis, made to work'),
  'peer-one-thread': peer(
    'the same with one thread of PyTorch, which leaves the other cores to Redis and the load',
    '--threads',
    '1',
  ),
  'peer-published': peer(
    'FastAPI + transformers, fastapi-cache2 as commonly published: no answer to a POST is kept',
    '--as-published',
  ),
  stub: {
    what: 'a constant answer: what the load generator itself can do here',
    redis: false,
    needs: [],
    command: () => tool('stub.mjs'),
  },
};

/** What is measured by default. Redis alone is left out: nobody turns the cache in process off. */
export const DEFAULT_TARGETS = [
  ...['exact', 'int8'].flatMap((precision) =>
    ['none', 'memory', 'redis'].map((cache) => `${precision}-${cache}`),
  ),
  'peer',
  'peer-one-thread',
];

export const PROFILE = join(BENCH, '..', 'models', 'sentiment.yaml');
/** The target that the answers of the others are compared with. */
export const REFERENCE = 'peer';
