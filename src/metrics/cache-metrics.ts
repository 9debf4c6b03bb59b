/**
 * The figures of the cache as metrics; without one, or without Redis, a row has no samples.
 */

import type { CacheStats, CircuitState, RedisStats } from '../engine/engine.js';
import type { Row } from './row.js';
import { histogramSamples, type Sample } from './snapshot-metric.js';

const CIRCUIT: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 };
const REDIS_SECONDS = 'chorus_cache_redis_duration_seconds';

export const cacheRows: readonly Row[] = [
  ofCache('counter', 'chorus_cache_requests_total', {
    help: 'Requests by what they owe to the cache: hit, miss, partial, coalesced',
    labels: ['outcome'],
    samples: ({ outcomes }) => counted('outcome', outcomes),
  }),
  ofCache('counter', 'chorus_cache_lookups_total', {
    help: 'Outputs, one for each text and model, that were looked for in a tier: memory, redis',
    labels: ['tier', 'result'],
    samples: ({ lookups }) =>
      Object.entries(lookups).flatMap(([tier, results]) => counted('result', results, { tier })),
  }),
  ofCache('gauge', 'chorus_cache_entries', {
    help: 'Texts in memory',
    samples: ({ entries }) => [{ labels: {}, value: entries }],
  }),
  ofCache('gauge', 'chorus_cache_bytes', {
    help: 'Memory that they take, about',
    samples: ({ bytes }) => [{ labels: {}, value: bytes }],
  }),
  ofCache('counter', 'chorus_cache_evictions_total', {
    help: 'Texts that had to leave memory for others',
    samples: ({ evictions }) => [{ labels: {}, value: evictions }],
  }),
  ofRedis('histogram', REDIS_SECONDS, {
    help: 'Time that Redis took, where it answered: get, set',
    labels: ['operation'],
    samples: ({ seconds }) =>
      Object.entries(seconds).flatMap(([operation, histogram]) =>
        histogramSamples(REDIS_SECONDS, histogram, { operation }),
      ),
  }),
  ofRedis('counter', 'chorus_cache_redis_errors_total', {
    help: 'What went wrong with Redis: timeout, connection, reply, value',
    labels: ['reason'],
    samples: ({ errors }) => counted('reason', errors),
  }),
  ofRedis('gauge', 'chorus_cache_redis_circuit', {
    help: 'Whether Redis is asked: 0 yes, 1 once to see whether it is back, 2 no',
    samples: ({ circuit }) => [{ labels: {}, value: CIRCUIT[circuit] }],
  }),
];

interface Of<S> {
  readonly help: string;
  readonly labels?: readonly string[];
  readonly samples: (stats: S) => Sample[];
}

function ofCache(type: Row['type'], name: string, { samples, ...row }: Of<CacheStats>): Row {
  return { ...row, type, name, samples: ({ cache }) => (cache ? samples(cache) : []) };
}

function ofRedis(type: Row['type'], name: string, { samples, ...row }: Of<RedisStats>): Row {
  return ofCache(type, name, { ...row, samples: ({ redis }) => (redis ? samples(redis) : []) });
}

function counted(
  label: string,
  counts: Readonly<Record<string, number>>,
  others: Readonly<Record<string, string>> = {},
): Sample[] {
  return Object.entries(counts).map(([key, value]) => ({
    labels: { ...others, [label]: key },
    value,
  }));
}
