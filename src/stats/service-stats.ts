/**
 * The figures of the last minutes, for those who have no Prometheus: `/stats` and `chorus top`.
 *
 * A request costs four additions. Every five seconds the counts are put down, as many times as fill a quarter of an hour,
 * and the oldest goes: memory is bounded by the number of models and of error codes. A period ends now and begins with
 * the count that was put down at its beginning, so it is right to five seconds, and says how long it was.
 */

import type { Engine, EngineStats } from '../engine/engine.js';
import type { ErrorCode } from '../errors/codes.js';
import type { Exchange } from '../http/exchange.js';
import type { ExchangeObserver } from '../http/exchanges.js';
import { errorsOf, hitRate, modelCounts, periodOf, type Sample } from './sample.js';
import type { Stats } from './schema.js';

const EVERY_SECONDS = 5;
const PERIODS_MINUTES = [1, 5, 15] as const;
const KEPT = (15 * 60) / EVERY_SECONDS + 1;

/** A timer is never early, but may be late; what is this near to a period's beginning is its beginning. */
const NEAR_SECONDS = EVERY_SECONDS / 2;

interface PutDown {
  readonly sample: Sample;
  /** The longest request since the one before. */
  readonly maxMs: number | undefined;
}

/** What a test gives otherwise. */
export interface StatsClock {
  /** Seconds; only goes forward. */
  readonly now: () => number;
  readonly cpuUsage: () => NodeJS.CpuUsage;
}

const REAL: StatsClock = {
  now: () => performance.now() / 1000,
  cpuUsage: () => process.cpuUsage(),
};

/** What a sample has of an engine that is not there. */
const NO_ENGINE = { models: modelCounts(undefined), cache: undefined };

export class ServiceStats implements ExchangeObserver {
  readonly #errors = new Map<string, number>();
  readonly #kept: PutDown[];
  readonly #startedAt: number;
  #count = 0;
  #milliseconds = 0;
  #maxMs: number | undefined;
  #engine: Pick<Engine, 'stats'> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly clock: StatsClock = REAL) {
    this.#startedAt = clock.now();
    this.#kept = [{ sample: this.sample(undefined), maxMs: undefined }];
  }

  /** Puts counts down from now on. */
  start(): void {
    this.#timer = setInterval(() => {
      try {
        this.putDown();
      } catch {
        // The engine could not tell. Nothing of a request depends on it, and a timer would let it end the process.
      }
    }, EVERY_SECONDS * 1000).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** An engine counts from nothing, so what one before it had counted is no beginning any more. */
  engineLoaded(engine: Pick<Engine, 'stats'>): void {
    this.#engine = engine;
    for (const [at, { sample, maxMs }] of this.#kept.entries()) {
      this.#kept[at] = { sample: { ...sample, ...NO_ENGINE }, maxMs };
    }
  }

  exchangeOpened(): void {
    // Counted when it ends.
  }

  exchangeClosed({ errorCode, startedAt }: Pick<Exchange, 'errorCode' | 'startedAt'>): void {
    const took = performance.now() - startedAt;
    this.#count += 1;
    this.#milliseconds += took;
    if (took > (this.#maxMs ?? 0)) this.#maxMs = took;
    if (errorCode !== undefined) this.failed(errorCode);
  }

  refused(code: ErrorCode): void {
    this.#count += 1;
    this.failed(code);
  }

  private failed(code: ErrorCode): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  putDown(): void {
    this.#kept.push({ sample: this.sample(this.#engine?.stats()), maxMs: this.#maxMs });
    this.#maxMs = undefined;
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  read({ version, phase, openRequests }: ServiceState): Stats {
    const stats = this.#engine?.stats();
    const now = this.sample(stats);
    const { rss, heapUsed, external } = process.memoryUsage();
    return {
      version,
      phase,
      uptime_seconds: now.at - this.#startedAt,
      open_requests: openRequests,
      requests: now.requests.count,
      errors: errorsOf(now.requests.errors),
      cpu: { user_seconds: now.cpu.user, system_seconds: now.cpu.system },
      memory: { rss_bytes: rss, heap_used_bytes: heapUsed, external_bytes: external },
      queue: stats ? { texts: stats.pendingTexts, capacity: stats.queueCapacity } : null,
      cache: cacheOf(stats),
      model_memory: stats
        ? { bytes: stats.modelMemory, limit_bytes: stats.modelMemoryLimit ?? null }
        : null,
      models: Object.fromEntries(
        (stats?.models ?? []).map((model) => [
          model.name,
          {
            texts: model.textsDone,
            failed: model.textsFailed,
            queued: model.queuedTexts,
            loaded: model.loaded,
            loads: model.loadsDone,
            evictions: model.evictions,
          },
        ]),
      ),
      last: PERIODS_MINUTES.map((minutes) => this.period(minutes, now)),
    };
  }

  private period(minutes: number, now: Sample) {
    const from = now.at - minutes * 60 - NEAR_SECONDS;
    const first = this.#kept.findIndex(({ sample }) => sample.at >= from);
    // None is as young where the timer has not come to it for longer than the period: the youngest, then.
    const at = first < 0 ? this.#kept.length - 1 : first;
    const longest = [...this.#kept.slice(at + 1).map(({ maxMs }) => maxMs), this.#maxMs];
    const seen = longest.filter((maxMs) => maxMs !== undefined);
    const before = this.#kept[at]?.sample ?? now;
    return periodOf(minutes, before, now, seen.length === 0 ? undefined : Math.max(...seen));
  }

  private sample(stats: EngineStats | undefined): Sample {
    const { user, system } = this.clock.cpuUsage();
    return {
      at: this.clock.now(),
      requests: {
        count: this.#count,
        milliseconds: this.#milliseconds,
        errors: new Map(this.#errors),
      },
      cpu: { user: user / 1e6, system: system / 1e6 },
      models: modelCounts(stats),
      cache: stats?.cache && { outcomes: stats.cache.outcomes, lookups: stats.cache.lookups },
    };
  }
}

/** What others know of the service. */
export interface ServiceState {
  readonly version: string;
  readonly phase: Stats['phase'];
  readonly openRequests: number;
}

function cacheOf(stats: EngineStats | undefined): Stats['cache'] {
  if (stats?.cache === undefined) return null;
  const { entries, bytes, evictions } = stats.cache;
  return { hit_rate: hitRate(stats.cache), entries, bytes, evictions };
}
