/**
 * The running service: listeners, application and engine, from start to stop.
 *
 * Owns the order of things. Start: admin listener, engine, public listener. Stop: readiness goes,
 * connections end with their next answer, what was accepted is answered, engine, admin listener.
 * When to stop, and with which exit code, is for `lifecycle.ts`.
 */

import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Settings } from '../config/settings.js';
import type { Engine } from '../engine/engine.js';
import { sendProblem } from '../errors/send-problem.js';
import { ServiceError } from '../errors/service-error.js';
import { createApp } from '../http/app.js';
import type { Exchange } from '../http/exchange.js';
import { Exchanges, type ExchangeObserver } from '../http/exchanges.js';
import type { Logger } from '../log/logger.js';
import { requestLog } from '../log/request-log.js';
import { Metrics } from '../metrics/metrics.js';
import type { Profile } from '../profile/schema.js';
import { createAdminServer } from './admin-server.js';
import { listen } from './listen.js';
import { createPublicServer } from './public-server.js';

export interface ServiceParts {
  readonly settings: Settings;
  readonly profile: Profile;
  readonly logger: Logger;
  readonly version: string;
  readonly loadEngine: () => Promise<Engine>;
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

export class Service {
  readonly #metrics = new Metrics();
  readonly #exchanges: Exchanges;
  readonly #adminServer: Server;
  #publicServer: Server | undefined;
  #engine: Engine | undefined;
  #phase: 'starting' | 'ready' | 'draining' = 'starting';

  constructor(private readonly parts: ServiceParts) {
    this.#exchanges = new Exchanges(observers(this.#metrics.http, requestLog(parts.logger)));
    this.#adminServer = createAdminServer({
      contentType: this.#metrics.registry.contentType,
      scrape: () => this.#metrics.scrape(),
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
    try {
      return { port: await this.serve(), adminPort: boundAdminPort };
    } catch (error) {
      await this.#engine?.close();
      this.#adminServer.close();
      this.#adminServer.closeAllConnections();
      throw error;
    }
  }

  /**
   * Stops, giving open requests `timeoutMs` to be answered, and those that are on their way.
   *
   * Those that were not get 503.
   */
  async stop(timeoutMs: number): Promise<StopOutcome> {
    this.#phase = 'draining';
    this.#metrics.draining();
    this.#exchanges.drain();
    const deadline = new AbortController();
    const inTime = await Promise.race([
      this.answerLast(Math.min(LAST_REQUESTS_MS, timeoutMs / 2)).then(() => true),
      sleep(timeoutMs, false, { signal: deadline.signal }),
    ]);
    deadline.abort();
    const unanswered = this.#exchanges.size;
    for (const exchange of this.#exchanges) refuse(exchange);
    if (unanswered > 0) await sleep(FLUSH_MS);
    this.#publicServer?.closeAllConnections();
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
    const server = this.createPublicServer(engine);
    const { host, port } = settings;
    const boundPort = await listen(server, { host, port, flag: '--port' });
    this.#publicServer = server;
    this.#phase = 'ready';
    this.#metrics.ready();
    return boundPort;
  }

  private async answerLast(lastRequestsMs: number): Promise<void> {
    if (this.#publicServer) await connectionsEnd(this.#publicServer, lastRequestsMs);
    await this.#exchanges.idle();
    await this.#engine?.close();
  }

  private createPublicServer(engine: Engine): Server {
    const { settings, profile, logger } = this.parts;
    const app = createApp({
      profile,
      engine,
      logger,
      exchanges: this.#exchanges,
      maxBodyBytes: settings.maxBodySize,
      answerTimeoutMs: settings.answerTimeout,
      textRepaired: () => {
        this.#metrics.textsRepaired.inc();
      },
      isDraining: () => this.#phase === 'draining',
    });
    return createPublicServer(app, settings, this.#exchanges, this.#metrics.http);
  }
}

/**
 * Stops listening; resolves when every connection has ended, at the latest after `timeoutMs`.
 *
 * Not by `server.close()`, which cuts idle connections at once: a request that is on its way on one of
 * them would be lost, and a client must not repeat a POST by itself.
 */
async function connectionsEnd(server: Server, timeoutMs: number): Promise<void> {
  const timeout = new AbortController();
  const ended = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
  await Promise.race([ended, sleep(timeoutMs, undefined, { signal: timeout.signal })]);
  timeout.abort();
}

/** The answer to a request that could not be waited for any longer. */
function refuse(exchange: Exchange): void {
  exchange.errorCode = 'draining';
  const error = new ServiceError('draining', 'The service stopped before this was answered.');
  sendProblem(exchange.response, error, exchange.id);
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
