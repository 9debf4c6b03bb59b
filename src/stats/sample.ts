/**
 * Everything that `/stats` counts, at one moment since the start; a period is the difference of two.
 */

import type { CacheStats, EngineStats, HistogramSnapshot } from '../engine/engine.js';
import type { HitRate, Period } from './schema.js';

export interface Sample {
  /** By a clock that only goes forward, in seconds. */
  readonly at: number;
  readonly requests: RequestCounts;
  /** Seconds of CPU time. */
  readonly cpu: { readonly user: number; readonly system: number };
  readonly models: ReadonlyMap<string, ModelCounts>;
  readonly cache: CacheCounts | undefined;
}

export interface RequestCounts {
  readonly count: number;
  readonly milliseconds: number;
  readonly errors: ReadonlyMap<string, number>;
}

interface ModelCounts {
  readonly texts: number;
  readonly busySeconds: number;
  readonly batches: Sum;
  readonly waits: Sum;
}

interface Sum {
  readonly count: number;
  readonly sum: number;
}

type CacheCounts = Pick<CacheStats, 'outcomes' | 'lookups'>;

const NO_SUM: Sum = { count: 0, sum: 0 };
const NO_MODEL: ModelCounts = { texts: 0, busySeconds: 0, batches: NO_SUM, waits: NO_SUM };

export function modelCounts(stats: EngineStats | undefined): Sample['models'] {
  return new Map(
    stats?.models.map(({ name, textsDone, busySeconds, batchSize, queueWaitSeconds }) => [
      name,
      { texts: textsDone, busySeconds, batches: sumOf(batchSize), waits: sumOf(queueWaitSeconds) },
    ]),
  );
}

/** What happened from `before` to `now`. `maxMs`: the longest request of that time, where there was one. */
export function periodOf(
  minutes: number,
  before: Sample,
  now: Sample,
  maxMs: number | undefined,
): Period {
  const seconds = now.at - before.at;
  const perSecond = (amount: number) => (seconds > 0 ? amount / seconds : 0);
  const requests = now.requests.count - before.requests.count;
  const milliseconds = now.requests.milliseconds - before.requests.milliseconds;
  return {
    minutes,
    seconds,
    requests,
    requests_per_second: perSecond(requests),
    errors: errorsOf(now.requests.errors, before.requests.errors),
    mean_latency_ms: mean({ count: requests, sum: milliseconds }),
    max_latency_ms: maxMs ?? null,
    cpu: {
      user: perSecond(now.cpu.user - before.cpu.user),
      system: perSecond(now.cpu.system - before.cpu.system),
    },
    cache: now.cache ? hitRate(now.cache, before.cache) : null,
    models: Object.fromEntries(
      [...now.models].map(([name, { texts, busySeconds, batches, waits }]) => {
        const old = before.models.get(name) ?? NO_MODEL;
        const wait = mean(difference(waits, old.waits));
        const model = {
          texts: texts - old.texts,
          texts_per_second: perSecond(texts - old.texts),
          mean_batch: mean(difference(batches, old.batches)),
          mean_queue_wait_ms: wait === null ? null : wait * 1000,
          busy: perSecond(busySeconds - old.busySeconds),
        };
        return [name, model];
      }),
    ),
  };
}

/** Those that there were. */
export function errorsOf(
  now: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number> = new Map(),
): Record<string, number> {
  const counts = [...now].map(([code, count]) => [code, count - (before.get(code) ?? 0)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

export function hitRate(now: CacheCounts, before?: CacheCounts): HitRate {
  const { hit, ...others } = now.outcomes;
  const hits = hit - (before?.outcomes.hit ?? 0);
  const all = total({ hit, ...others }) - (before === undefined ? 0 : total(before.outcomes));
  const tier = (name: 'memory' | 'redis') => {
    const [new_, old] = [now.lookups[name], before?.lookups[name]];
    const found = (new_?.hit ?? 0) - (old?.hit ?? 0);
    return share(found, found + (new_?.miss ?? 0) - (old?.miss ?? 0));
  };
  return { requests: share(hits, all), memory: tier('memory'), redis: tier('redis') };
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function share(part: number, all: number): number | null {
  return all > 0 ? part / all : null;
}

function mean({ count, sum }: Sum): number | null {
  return count > 0 ? sum / count : null;
}

function difference(now: Sum, before: Sum): Sum {
  return { count: now.count - before.count, sum: now.sum - before.sum };
}

function sumOf({ counts, sum }: HistogramSnapshot): Sum {
  return { count: counts.reduce((all, count) => all + count, 0), sum };
}
