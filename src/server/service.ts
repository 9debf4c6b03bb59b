/**
 * The running service: listeners, application and engine, from start to stop.
 *
 * Owns the order of things. Start: admin listener, engine, public listener. Stop: readiness goes,
 * connections end with their next answer, the listener closes after a delay, what was accepted is answered,
 * engine, admin listener.
 * When to stop, and with which exit code, is for `lifecycle.ts`.
 */

import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Settings } from '../config/settings.js';
import { ServiceError } from '../errors/service-error.js';
import { BodyMemory } from '../http/body-memory.js';
import { Cors } from '../http/cors.js';
import type { Exchange } from '../http/exchange.js';
import { Exchanges } from '../http/exchanges.js';
import { observers } from '../http/observers.js';
import { TrustedProxies } from '../http/proxies.js';
import { requestLog } from '../http/request-log.js';
import type { Tracing } from '../http/tracing.js';
import type { Logger } from '../log/logger.js';
import { Metrics, type Build } from '../metrics/metrics.js';
import { ServiceStats } from '../stats/service-stats.js';
import type { Page, Question } from './admin-messages.js';
import { AdminThread } from './admin-thread.js';
import { applicationOf, refusalOf, type ApplicationParts } from './application.js';
import { Connections } from './connections.js';
import { maxConnections } from './descriptors.js';
import { drain } from './drain.js';
import { Generation } from './generation.js';
import { Generations } from './generations.js';
import { listen, requireFree } from './listen.js';
import { LoopLag } from './loop-lag.js';
import { createPublicServer } from './public-server.js';
import type { Phase } from './readiness.js';
import type { Load, Reloaded, Wanted } from './reload.js';
import { ServiceFiles } from './service-files.js';

export interface ServiceParts {
  readonly settings: Settings;
  readonly logger: Logger;
  /** How many lines of the log could not be written so far. */
  readonly logLinesDropped?: () => number;
  readonly build: Build;
  readonly load: Load;
  /** Lets go of what generations share, once the last of them has ended. */
  readonly release?: () => void;
  /** Where requests are traced. */
  readonly tracing?: Tracing | undefined;
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

/** For the last spans, of what is left of the time to stop: that much at most, and at least a moment. */
const SPANS_MS = { most: 2000, least: 100 };

export class Service {
  readonly #metrics: Metrics;
  readonly #stats = new ServiceStats();
  readonly #loopLag = new LoopLag();
  readonly #exchanges: Exchanges;
  #connections: Connections | undefined;
  #admin: AdminThread | undefined;
  #publicServer: Server | undefined;
  readonly #generations: Generations;
  readonly #files: ServiceFiles;
  readonly #cors: Cors | undefined;
  #phase: Phase = 'starting';

  constructor(private readonly parts: ServiceParts) {
    const { build, load, logger, logLinesDropped, settings, tracing } = parts;
    const { corsOrigins, trustedProxies } = settings;
    this.#metrics = new Metrics(logLinesDropped);
    this.#cors = corsOrigins.length > 0 ? new Cors(corsOrigins) : undefined;
    const told = [this.#metrics.http, this.#stats, requestLog(logger)];
    this.#exchanges = new Exchanges(
      // First what traces: the others show its ids.
      observers(...(tracing ? [tracing] : []), ...told),
      {
        bodyMemory: new BodyMemory(settings.maxBodyMemory),
        proxies: trustedProxies.length > 0 ? new TrustedProxies(trustedProxies) : undefined,
        cors: this.#cors,
      },
    );
    this.#metrics.spans.read(tracing);
    this.#files = new ServiceFiles(settings, logger, this.#metrics);
    const application: ApplicationParts = {
      settings,
      logger,
      version: build.version,
      exchanges: this.#exchanges,
      authorize: this.#files.keys?.authorize,
      phase: () => this.#phase,
      textRepaired: () => {
        this.#metrics.textsRepaired.inc();
      },
    };
    this.#generations = new Generations({
      load,
      logger,
      mayServeOther: settings.reloadOther,
      generationOf: (number, loaded) => {
        const refusal = refusalOf(settings, loaded, () => this.#loopLag.milliseconds);
        return new Generation(number, loaded, applicationOf(application, loaded), refusal);
      },
      began: (generation) => {
        this.#exchanges.serve(generation);
        this.#files.keys?.serve(generation.profile.routes);
        this.#metrics.serve(generation, build);
        this.#metrics.index.serve(generation.index);
        this.#stats.engineLoaded(generation.engine);
      },
      reloaded: (outcome) => {
        this.#metrics.reloaded(outcome);
      },
    });
  }

  /**
   * Resolves with the ports once requests are served.
   *
   * @throws {StartError} when a file is faulty, a port is taken, or the engine cannot load.
   */
  async start(): Promise<{ port: number; adminPort: number }> {
    await this.#files.start();
    const admin = this.startAdmin();
    this.#admin = admin;
    this.#stats.start();
    try {
      const adminPort = await admin.listening();
      return { port: await this.serve(), adminPort };
    } catch (error) {
      admin.freeze();
      this.#stats.stop();
      this.#loopLag.stop();
      this.#files.stop();
      await this.#generations.close();
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
    this.#generations.drain();
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
    const left = Math.min(SPANS_MS.most, end - performance.now());
    await this.parts.tracing?.stop(Math.max(SPANS_MS.least, left));
    this.#stats.stop();
    this.#loopLag.stop();
    this.#files.stop();
    await this.#admin?.stop();
    return { inTime, unanswered: unanswered.length };
  }

  /** Reads files again, then serves what is wanted instead; see `Generations.reload`. */
  async reload(wanted: Wanted): Promise<Reloaded> {
    await this.#files.reload();
    return this.#generations.reload(wanted);
  }

  get openRequests(): number {
    return this.#exchanges.size;
  }

  private startAdmin(): AdminThread {
    const { adminHost: host, adminPort: port } = this.parts.settings;
    return new AdminThread({
      address: { host, port, flag: '--admin-port' },
      answer: (question) => this.answerAdmin(question),
      phase: () => this.#phase,
      stats: () => this.#generations.current?.engine.stats(),
      failed: (err) => {
        this.parts.logger.error({ err }, 'the listener of probes and metrics has failed');
      },
    });
  }

  private async answerAdmin(question: Question): Promise<Page> {
    const { version } = this.parts.build;
    switch (question.what) {
      case 'metrics':
        return this.#metrics.scrape(question.accept);
      case 'stats': {
        const about = { version, phase: this.#phase, openRequests: this.openRequests };
        return json(this.#stats.read(about));
      }
      case 'reload':
        return json(await this.reload(question.wanted));
    }
  }

  private enter(phase: Phase): void {
    this.#phase = phase;
    this.#admin?.publish();
  }

  /** Loads the engine and opens the public listener; resolves with its port. */
  private async serve(): Promise<number> {
    const { host, port } = this.parts.settings;
    const address = { host, port, flag: '--port' };
    // Not after minutes of loading.
    await requireFree(address);
    await this.#generations.first();
    const server = this.createPublicServer();
    const boundPort = await listen(server, address);
    this.#publicServer = server;
    this.enter('ready');
    this.#metrics.ready();
    return boundPort;
  }

  private async answerLast(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { drainDelay } = this.parts.settings;
    if (drainDelay > 0) await sleep(drainDelay, undefined, { signal });
    const lastRequestsMs = Math.min(LAST_REQUESTS_MS, (timeoutMs - drainDelay) / 2);
    if (this.#publicServer) await drain(this.#publicServer, lastRequestsMs);
    await this.#exchanges.answered();
    this.#admin?.freeze();
    await this.#generations.close();
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

  private createPublicServer(): Server {
    const { settings, logger } = this.parts;
    const { http } = this.#metrics;
    const connections = new Connections(
      { ...settings, maxConnections: maxConnections(settings.maxConnections, logger) },
      http,
    );
    this.#connections = connections;
    return createPublicServer({
      limits: settings,
      exchanges: this.#exchanges,
      connections,
      observer: http,
      certificate: this.#files.certificate,
      cors: this.#cors,
    });
  }
}

/** The answer to a request that could not be waited for any longer. */
function refuse(exchange: Exchange): void {
  exchange.fail(new ServiceError('draining', 'The service stopped before this was answered.'));
  exchange.response.end();
}

function json(value: unknown): Page {
  return { contentType: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` };
}
