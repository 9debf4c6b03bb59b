/**
 * All of the service's metrics, in one registry.
 *
 * Owns the registry and what is not about one request or the engine: build, readiness, process.
 * `http-metrics.ts` counts requests, `engine-metrics.ts` reads the engine. Labels are bounded by the
 * profile and by tables of ours; no client can add one. `docs/metrics.md` is written from here.
 */

import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

import type { Engine, EngineStats } from '../engine/engine.js';
import { registerEngineMetrics } from './engine-metrics.js';
import { HttpMetrics } from './http-metrics.js';
import { IndexMetrics } from './index-metrics.js';
import { OpenMetrics, wantsOpenMetrics } from './open-metrics.js';
import { SnapshotMetric } from './snapshot-metric.js';
import { SpanMetrics } from './span-metrics.js';

/** What files hold that are read again when they change. */
export const followedNames = ['certificate', 'keys'] as const;

export type FollowedName = (typeof followedNames)[number];

/** What runs. */
export interface Build {
  readonly version: string;
  /** The commit that it was built of, or `unknown`. */
  readonly revision: string;
}

/** What is served. */
export interface Served {
  readonly engine: Engine;
  readonly profile: { readonly name: string };
  /** By model: the commit of its repository; none for a folder of the user's own. */
  readonly revisions: ReadonlyMap<string, string>;
}

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

export class Metrics {
  readonly registry = new Registry();
  readonly http = new HttpMetrics(this.registry);
  readonly textsRepaired = new Counter({
    name: 'chorus_text_repaired_total',
    help: 'Texts with a lone surrogate, which was replaced before the models read them',
    registers: [this.registry],
  });
  readonly #ready = this.gauge('chorus_ready', '1 while requests are served');
  readonly #draining = this.gauge('chorus_draining', '1 while the service is shutting down');
  readonly #startup = this.gauge(
    'chorus_startup_duration_seconds',
    'Time from the start of the process to readiness',
  );
  readonly #build = this.gauge('chorus_build_info', 'Versions, as labels', [
    'version',
    'revision',
    'node_version',
    'ort_version',
  ]);
  readonly #model = this.gauge('chorus_model_info', 'The models of the profile, as labels', [
    'model',
    'architecture',
    'provider',
    'precision',
    'revision',
    'profile',
  ]);
  readonly #generation = this.gauge(
    'chorus_generation',
    'How many profiles have been served: 1, and one more for each reload',
  );
  readonly #reloads = new Counter({
    name: 'chorus_reloads_total',
    help: 'Reloads, by outcome: done, failed',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly #lastReload = this.gauge(
    'chorus_last_reload_successful',
    'Whether the last reload was done; 1 where there was none',
  );
  readonly #filesRead = new Counter({
    name: 'chorus_files_read_total',
    help: 'Files that had changed and were read again, by what is in them and outcome: done, failed',
    labelNames: ['read', 'outcome'],
    registers: [this.registry],
  });
  readonly #filesWrong = this.gauge(
    'chorus_files_wrong',
    '1 while files that are read again cannot be taken over, and what was read before goes on',
    ['read'],
  );
  readonly spans = new SpanMetrics(this.registry);
  readonly index = new IndexMetrics(this.registry);
  readonly #openMetrics: OpenMetrics;
  #engine: Engine | undefined;
  #stats: EngineStats | undefined;
  #isServing = false;
  #certificateExpiresAt: number | undefined;

  /** `logLinesDropped`: how many lines of the log could not be written so far. */
  constructor(logLinesDropped: () => number = () => 0) {
    const help = 'Log lines that were not written: the disk is full, the reader stalls or is gone';
    new SnapshotMetric('chorus_log_lines_dropped_total', help, 'counter', [], () => [
      { labels: {}, value: logLinesDropped() },
    ]).register(this.registry);
    for (const outcome of ['done', 'failed']) this.#reloads.inc({ outcome }, 0);
    this.#lastReload.set(1);
    for (const read of followedNames) {
      for (const outcome of ['done', 'failed']) this.#filesRead.inc({ read, outcome }, 0);
      this.filesWrong(read, false);
    }
    const expiry = 'When the certificate ends, where connections are encrypted';
    const name = 'chorus_tls_certificate_expiry_timestamp_seconds';
    new SnapshotMetric(name, expiry, 'gauge', [], () => {
      const at = this.#certificateExpiresAt;
      return at === undefined ? [] : [{ labels: {}, value: at / 1000 }];
    }).register(this.registry);
    registerEngineMetrics(this.registry, () => this.#stats);
    collectDefaultMetrics({ register: this.registry });
    this.#openMetrics = new OpenMetrics(this.registry);
  }

  /** The engine is loaded, the first one or another: its figures are part of every scrape from now on. */
  serve({ engine, profile, revisions }: Served, { version, revision }: Build): void {
    this.#engine = engine;
    this.#generation.inc();
    this.#model.reset();
    const [node_version, ort_version] = [process.version, engine.ortVersion];
    this.#build.set({ version, revision, node_version, ort_version }, 1);
    for (const { name, architecture, provider, precision } of engine.models) {
      const from = { revision: revisions.get(name) ?? '', profile: profile.name };
      this.#model.set({ model: name, architecture, provider, precision, ...from }, 1);
    }
  }

  reloaded(outcome: 'done' | 'failed'): void {
    this.#reloads.inc({ outcome });
    this.#lastReload.set(outcome === 'done' ? 1 : 0);
  }

  /** `at`: in milliseconds since 1970. */
  certificateExpires(at: number): void {
    this.#certificateExpiresAt = at;
  }

  filesRead(read: FollowedName, outcome: 'done' | 'failed'): void {
    this.#filesRead.inc({ read, outcome });
  }

  filesWrong(read: FollowedName, isWrong: boolean): void {
    this.#filesWrong.set({ read }, isWrong ? 1 : 0);
  }

  ready(): void {
    this.#isServing = true;
    this.#startup.set(process.uptime());
  }

  draining(): void {
    this.#isServing = false;
    this.#draining.set(1);
  }

  /** The exposition of everything, from one reading of the engine, in the format that `accept` prefers. */
  async scrape(accept?: string): Promise<Exposition> {
    this.#stats = this.#engine?.stats();
    this.#ready.set(this.#isServing && this.#stats?.broken !== true ? 1 : 0);
    const format = wantsOpenMetrics(accept) ? this.#openMetrics : undefined;
    const { contentType } = format ?? this.registry;
    return { contentType, body: await (format?.scrape() ?? this.registry.metrics()) };
  }

  private gauge<T extends string>(name: string, help: string, labelNames: T[] = []): Gauge<T> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
