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
import type { Engine } from '../engine/engine.js';
import { ServiceError } from '../errors/service-error.js';
import { createApp } from '../http/app.js';
import type { Exchange } from '../http/exchange.js';
import { Exchanges, type ExchangeObserver } from '../http/exchanges.js';
import { requestLog } from '../http/request-log.js';
import type { Tracing } from '../http/tracing.js';
import type { Logger } from '../log/logger.js';
import { Metrics } from '../metrics/metrics.js';
import type { Profile } from '../profile/schema.js';
import { errorFormats, type Endpoint } from '../routes/endpoints.js';
import { withOwn } from '../routes/own.js';
import { ServiceStats } from '../stats/service-stats.js';
import { createAdminServer } from './admin-server.js';
import { drain } from './drain.js';
import { listen } from './listen.js';
import { createPublicServer } from './public-server.js';
import { notReady, type Phase } from './readiness.js';

export interface ServiceParts {
  readonly settings: Settings;
  readonly profile: Profile;
  /** Of the profile's routes. */
  readonly endpoints: readonly Endpoint[];
  readonly logger: Logger;
  readonly version: string;
  readonly loadEngine: () => Promise<Engine>;
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

/** For the last spans, of what is left of the time to stop: that much at most, and at least a moment. */
const SPANS_MS = { most: 2000, least: 100 };

export class Service {
  readonly #metrics = new Metrics();
  readonly #stats = new ServiceStats();
  readonly #exchanges: Exchanges;
  readonly #adminServer: Server;
  #publicServer: Server | undefined;
  #engine: Engine | undefined;
  #phase: Phase = 'starting';

  constructor(private readonly parts: ServiceParts) {
    const { endpoints, logger, tracing, version } = parts;
    const told = [this.#metrics.http, this.#stats, requestLog(logger)];
    this.#exchanges = new Exchanges(
      // First what traces: the others show its ids.
      observers(...(tracing ? [tracing] : []), ...told),
      errorFormats(endpoints),
    );
    this.#metrics.spans.read(tracing);
    this.#adminServer = createAdminServer({
      scrape: (accept) => this.#metrics.scrape(accept),
      figures: () =>
        this.#stats.read({ version, phase: this.#phase, openRequests: this.openRequests }),
      phase: () => this.#phase,
      stats: () => this.#engine?.stats(),
    });
  }

  /**
   * Resolves with the ports once requests are served.
   *
   * @throws {StartError} when a port is taken or the engine cannot load.
   */
  async start(): Promise<{ port: number; adminPort: number }> {
    const { adminHost, adminPort } = this.parts.settings;
    const address = { host: adminHost, port: adminPort, flag: '--admin-port' };
    const boundAdminPort = await listen(this.#adminServer, address);
    this.#stats.start();
    try {
      return { port: await this.serve(), adminPort: boundAdminPort };
    } catch (error) {
      this.#stats.stop();
      await this.#engine?.close();
      this.#adminServer.close();
      this.#adminServer.closeAllConnections();
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
    const end = performance.now() + timeoutMs;
    this.#phase = 'draining';
    this.#metrics.draining();
    this.#exchanges.drain();
    const deadline = new AbortController();
    const inTime = await Promise.race([
      this.answerLast(timeoutMs, deadline.signal).then(() => true),
      sleep(timeoutMs, false, { signal: deadline.signal }),
    ]);
    deadline.abort();
    const unanswered = this.#exchanges.size;
    for (const exchange of this.#exchanges) refuse(exchange);
    if (unanswered > 0) await sleep(FLUSH_MS);
    this.#publicServer?.close();
    this.#publicServer?.closeAllConnections();
    const left = Math.min(SPANS_MS.most, end - performance.now());
    await this.parts.tracing?.stop(Math.max(SPANS_MS.least, left));
    this.#stats.stop();
    this.#adminServer.close();
    this.#adminServer.closeAllConnections();
    return { inTime, unanswered };
  }

  get openRequests(): number {
    return this.#exchanges.size;
  }

  /** Loads the engine and opens the public listener; resolves with its port. */
  private async serve(): Promise<number> {
    const { settings, version, logger, loadEngine } = this.parts;
    const engine = await loadEngine();
    this.#engine = engine;
    const models = engine.models.map(({ name }) => name);
    const provider = engine.models[0]?.provider;
    const { ortVersion, maxBatchTokens } = engine;
    logger.info({ models, provider, ortVersion, maxBatchTokens }, 'loaded');
    this.#metrics.engineLoaded(engine, version);
    this.#stats.engineLoaded(engine);
    const server = this.createPublicServer(engine);
    const { host, port } = settings;
    const boundPort = await listen(server, { host, port, flag: '--port' });
    this.#publicServer = server;
    this.#phase = 'ready';
    this.#metrics.ready();
    return boundPort;
  }

  private async answerLast(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { drainDelay } = this.parts.settings;
    if (drainDelay > 0) await sleep(drainDelay, undefined, { signal });
    const lastRequestsMs = Math.min(LAST_REQUESTS_MS, (timeoutMs - drainDelay) / 2);
    if (this.#publicServer) await drain(this.#publicServer, lastRequestsMs);
    await this.#exchanges.idle();
    await this.#engine?.close();
  }

  private createPublicServer(engine: Engine): Server {
    const { settings, profile, endpoints, version, logger } = this.parts;
    const { pathPrefix } = settings;
    const app = createApp({
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
    return createPublicServer(app, settings, this.#exchanges, this.#metrics.http);
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
  };
}
