/**
 * The running service: listeners, application and engine, from start to stop.
 *
 * Owns the order of things. Start: admin listener, engine, public listener. Stop: readiness goes,
 * connections end with their next answer, the listener closes after a delay, what was accepted is answered,
 * engine, admin listener.
 * When to stop, and with which exit code, is for `lifecycle.ts`.
 */

import type { RequestListener, Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Settings } from '../config/settings.js';
import { ServiceError } from '../errors/service-error.js';
import { BodyMemory } from '../http/body-memory.js';
import { createApp } from '../http/app.js';
import type { Exchange } from '../http/exchange.js';
import { Exchanges, type ExchangeObserver } from '../http/exchanges.js';
import { requestLog } from '../http/request-log.js';
import type { Logger } from '../log/logger.js';
import { Metrics } from '../metrics/metrics.js';
import { withOwn } from '../routes/own.js';
import { AdminThread } from './admin-thread.js';
import { Connections } from './connections.js';
import { affordable, descriptors } from './descriptors.js';
import { drain } from './drain.js';
import { Generation, type Loaded } from './generation.js';
import { listen, requireFree } from './listen.js';
import { createPublicServer } from './public-server.js';
import { notReady, type Phase } from './readiness.js';
import { reloadError, type Load, type Reloaded, type Wanted } from './reload.js';

export interface ServiceParts {
  readonly settings: Settings;
  readonly logger: Logger;
  /** How many lines of the log could not be written so far. */
  readonly logLinesDropped?: () => number;
  readonly version: string;
  readonly load: Load;
  /** Lets go of what generations share, once the last of them has ended. */
  readonly release?: () => void;
}

export interface StopOutcome {
  /** Whether every request was answered and the engine closed before the time was up. */
  readonly inTime: boolean;
  readonly unanswered: number;
}

/** How long a connection without a request may bring a last one: it may be on its way. */
const LAST_REQUESTS_MS = 2000;

/** For the last answers to leave the process before their connections are cut. */
const FLUSH_MS = 50;

/** How long clients may take to read answers that are there when all is answered. */
const READ_MS = 3000;

export class Service {
  readonly #metrics: Metrics;
  readonly #exchanges: Exchanges;
  #connections: Connections | undefined;
  #admin: AdminThread | undefined;
  #publicServer: Server | undefined;
  /** What is served, and those before it that still have requests to answer. */
  #current: Generation | undefined;
  readonly #retiring = new Set<Promise<void>>();
  #isReloading = false;
  /** What the last reload that was done has served instead of what the settings say. */
  #wanted: Wanted = {};
  #phase: Phase = 'starting';

  constructor(private readonly parts: ServiceParts) {
    this.#metrics = new Metrics(parts.logLinesDropped);
    this.#exchanges = new Exchanges(
      observers(this.#metrics.http, requestLog(parts.logger)),
      new BodyMemory(parts.settings.maxBodyMemory),
    );
  }

  /**
   * Resolves with the ports once requests are served.
   *
   * @throws {StartError} when a port is taken or the engine cannot load.
   */
  async start(): Promise<{ port: number; adminPort: number }> {
    const admin = this.startAdmin();
    this.#admin = admin;
    try {
      const adminPort = await admin.listening();
      return { port: await this.serve(), adminPort };
    } catch (error) {
      admin.freeze();
      await this.#current?.engine.close();
      await admin.stop();
      throw error;
    }
  }

  /**
   * Stops, giving open requests `timeoutMs` to be answered, and those that are on their way; the delay before
   * the listener closes is part of it.
   *
   * Those that were not answered get 503.
   */
  async stop(timeoutMs: number): Promise<StopOutcome> {
    this.enter('draining');
    this.#metrics.draining();
    this.#exchanges.drain();
    const end = performance.now() + timeoutMs;
    const deadline = new AbortController();
    const inTime = await Promise.race([
      this.answerLast(timeoutMs, deadline.signal).then(() => true),
      sleep(timeoutMs, false, { signal: deadline.signal }),
    ]);
    deadline.abort();
    const unanswered = this.#exchanges.unanswered();
    for (const exchange of unanswered) refuse(exchange);
    if (unanswered.length > 0) await sleep(FLUSH_MS);
    else await this.answersRead(Math.min(READ_MS, end - performance.now()));
    this.#publicServer?.close();
    this.#publicServer?.closeAllConnections();
    this.#connections?.destroyAll();
    await this.#admin?.stop();
    return { inTime, unanswered: unanswered.length };
  }

  /**
   * Serves what is wanted instead: loaded and tried beside what is served now, which goes on until then, and for ever
   * where anything fails.
   *
   * @throws {ServiceError} `reload_failed`, `reload_running`, `not_ready`, `draining`.
   */
  async reload(wanted: Wanted): Promise<Reloaded> {
    const { logger, load } = this.parts;
    const now = this.#current;
    if (this.#phase === 'draining') throw new ServiceError('draining', 'The service is stopping.');
    if (now === undefined || this.#phase === 'starting') {
      throw new ServiceError('not_ready', 'The models are being loaded.');
    }
    if (Object.keys(wanted).length > 0 && !this.parts.settings.reloadOther) {
      const detail = 'Another profile or precision may be named with --reload-other only.';
      throw new ServiceError('reload_failed', detail);
    }
    if (this.#isReloading) throw new ServiceError('reload_running', 'Another reload is under way.');
    this.#isReloading = true;
    const started = performance.now();
    logger.info({ ...wanted }, 'reloading');
    try {
      const all = { ...this.#wanted, ...wanted };
      const loaded = await load(all);
      if (this.isStopping) {
        await loaded.engine.close();
        throw new ServiceError('draining', 'The service is stopping.');
      }
      this.#wanted = all;
      this.become(loaded);
      this.retire(now);
      this.#metrics.reloaded('done');
      const { profile, engine } = loaded;
      return {
        generation: now.number + 1,
        profile: profile.name,
        models: engine.models.map(({ name }) => name),
        seconds: (performance.now() - started) / 1000,
      };
    } catch (thrown) {
      const error = reloadError(thrown);
      this.#metrics.reloaded('failed');
      logger.error(
        { reason: error.code, err: error },
        'the reload failed; what was served goes on',
      );
      throw error;
    } finally {
      this.#isReloading = false;
    }
  }

  private get isStopping(): boolean {
    return this.#phase === 'draining';
  }

  get openRequests(): number {
    return this.#exchanges.size;
  }

  private startAdmin(): AdminThread {
    const { adminHost: host, adminPort: port } = this.parts.settings;
    return new AdminThread({
      address: { host, port, flag: '--admin-port' },
      contentType: this.#metrics.registry.contentType,
      answer: async (question) =>
        question.what === 'metrics'
          ? this.#metrics.scrape()
          : JSON.stringify(await this.reload(question.wanted)),
      phase: () => this.#phase,
      stats: () => this.#current?.engine.stats(),
      failed: (err) => {
        this.parts.logger.error({ err }, 'the listener of probes and metrics has failed');
      },
    });
  }

  private enter(phase: Phase): void {
    this.#phase = phase;
    this.#admin?.publish();
  }

  /** Loads the engine and opens the public listener; resolves with its port. */
  private async serve(): Promise<number> {
    const { settings, load } = this.parts;
    const { host, port } = settings;
    const address = { host, port, flag: '--port' };
    // Not after minutes of loading.
    await requireFree(address);
    this.become(await load({}));
    const server = this.createPublicServer();
    const boundPort = await listen(server, address);
    this.#publicServer = server;
    this.enter('ready');
    this.#metrics.ready();
    return boundPort;
  }

  /** Lets requests that come from now on be answered by what is loaded; gives what answered them until now. */
  private become(loaded: Loaded): Generation | undefined {
    const before = this.#current;
    const { engine, profile } = loaded;
    const number = (before?.number ?? 0) + 1;
    const generation = new Generation(number, loaded, this.appOf(loaded));
    this.#current = generation;
    this.#exchanges.serve(generation);
    this.#metrics.engineLoaded(engine, this.parts.version);
    const models = engine.models.map(({ name }) => name);
    const provider = engine.models[0]?.provider;
    const { ortVersion, maxBatchTokens } = engine;
    const fields = { profile: profile.name, models, provider, ortVersion, maxBatchTokens };
    this.parts.logger.info({ generation: number, ...fields }, 'loaded');
    return before;
  }

  /** Frees a generation's models once its last request has ended; a stop waits for that. */
  private retire(generation: Generation): void {
    const { logger } = this.parts;
    const retiring = generation
      .retire()
      .then(
        () => {
          logger.info({ generation: generation.number }, 'retired');
        },
        (err: unknown) => {
          logger.error({ generation: generation.number, err }, 'could not be retired');
        },
      )
      .finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }

  private async answerLast(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { drainDelay } = this.parts.settings;
    if (drainDelay > 0) await sleep(drainDelay, undefined, { signal });
    const lastRequestsMs = Math.min(LAST_REQUESTS_MS, (timeoutMs - drainDelay) / 2);
    if (this.#publicServer) await drain(this.#publicServer, lastRequestsMs);
    await this.#exchanges.answered();
    this.#admin?.freeze();
    await Promise.all([...this.#retiring, this.#current?.engine.close()]);
    this.parts.release?.();
  }

  /** Resolves when no answer is left to be read, at the latest after `ms`. */
  private async answersRead(ms: number): Promise<void> {
    const timeout = new AbortController();
    await Promise.race([
      this.#exchanges.idle(),
      sleep(Math.max(0, ms), undefined, { signal: timeout.signal }),
    ]);
    timeout.abort();
  }

  private appOf({ profile, endpoints, engine }: Loaded): RequestListener {
    const { settings, version, logger } = this.parts;
    const { pathPrefix } = settings;
    return createApp({
      endpoints: withOwn({
        profile,
        endpoints,
        pathPrefix,
        version,
        notReady: () => notReady(this.#phase, engine.stats()),
      }),
      pathPrefix,
      engine,
      logger,
      exchanges: this.#exchanges,
      maxBodyBytes: settings.maxBodySize,
      answerTimeoutMs: settings.answerTimeout,
      mayBypassCache: settings.cacheBypass,
      textRepaired: () => {
        this.#metrics.textsRepaired.inc();
      },
    });
  }

  private createPublicServer(): Server {
    const { settings } = this.parts;
    const { http } = this.#metrics;
    const connections = new Connections(
      { ...settings, maxConnections: this.maxConnections() },
      http,
    );
    this.#connections = connections;
    return createPublicServer(settings, this.#exchanges, connections, http);
  }

  /** As set, or what the limit of open files allows. */
  private maxConnections(): number {
    const { maxConnections: wanted } = this.parts.settings;
    const available = descriptors();
    const maxConnections = affordable(wanted, available);
    if (maxConnections < wanted) {
      const why =
        'fewer connections than --max-connections: the limit of open files allows no more';
      this.parts.logger.warn({ maxConnections, openFiles: available?.limit }, why);
    }
    return maxConnections;
  }
}

/** The answer to a request that could not be waited for any longer. */
function refuse(exchange: Exchange): void {
  exchange.fail(new ServiceError('draining', 'The service stopped before this was answered.'));
  exchange.response.end();
}

function observers(...all: readonly ExchangeObserver[]): ExchangeObserver {
  return {
    exchangeOpened(exchange) {
      for (const observer of all) observer.exchangeOpened(exchange);
    },
    exchangeClosed(exchange) {
      for (const observer of all) observer.exchangeClosed(exchange);
    },
    refused(code) {
      for (const observer of all) observer.refused(code);
    },
  };
}
