/**
 * The exchanges that are open on one listener.
 *
 * Opens one per request, reports it when it has ended, and knows which are left: what draining waits
 * for, and what a fault on a socket must not overtake.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { errorAnswer } from '../errors/error-answer.js';
import type { ErrorCode } from '../errors/codes.js';
import type { ServiceError } from '../errors/service-error.js';
import { connectionOf, type Connection } from './connection.js';
import type { Cors } from './cors.js';
import { Exchange, isBelieved, type ExchangeServices } from './exchange.js';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.js';
import type { Serving } from './serving.js';
import { pathOf } from './target.js';

/** How often a stop looks whether all is answered, which a client that does not read keeps from telling by its end. */
const LOOK_AGAIN_MS = 20;

export interface ExchangeObserver {
  exchangeOpened(exchange: Exchange): void;
  exchangeClosed(exchange: Exchange): void;
  /** A request was answered with an error before an exchange was made for it. */
  refused(code: ErrorCode): void;
}

export interface ExchangesServices extends ExchangeServices {
  /** Absent: pages of other origins read no answers. */
  readonly cors?: Cors | undefined;
}

export class Exchanges {
  readonly #open = new Map<ServerResponse, Exchange>();
  #serving: Serving | undefined;
  #draining = false;
  #idle: (() => void) | undefined;

  constructor(
    private readonly observer: ExchangeObserver,
    private readonly services: ExchangesServices,
  ) {}

  /** From now on requests are answered by `serving`; to be called before the first one comes. */
  serve(serving: Serving): void {
    this.#serving = serving;
  }

  private get serving(): Serving {
    if (this.#serving === undefined) throw new Error('Nothing is served yet.');
    return this.#serving;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Why a request is refused of which only the header has come; `undefined` where it is not. */
  refusal(request: IncomingMessage): ServiceError | undefined {
    return this.serving.refusal(request, this.size);
  }

  open(request: IncomingMessage, response: ServerResponse): Exchange {
    const exchange = new Exchange(request, response, this.serving, this.services);
    this.services.cors?.mark(request, response);
    const { connection } = exchange;
    if (this.#draining) response.shouldKeepAlive = false;
    this.#open.set(response, exchange);
    connection.requestOpened(response);
    exchange.serving.opened();
    this.observer.exchangeOpened(exchange);
    response.once('close', () => {
      this.close(exchange);
    });
    return exchange;
  }

  /**
   * Answers a request with `error` and opens no exchange for it, for what is refused because too many are open.
   *
   * The connection goes on: Node reads the body and throws it away.
   */
  refuse(request: IncomingMessage, response: ServerResponse, error: ServiceError): void {
    const connection = connectionOf(request.socket);
    const id = requestIdOf(request, isBelieved(connection, this.services));
    this.services.cors?.mark(request, response);
    connection.requestOpened(response);
    response.once('close', () => {
      connection.requestClosed();
    });
    // Who has asked whether to send the body may send it or not.
    if (this.#draining || request.headers.expect !== undefined) response.shouldKeepAlive = false;
    const { status, headers, body } = errorAnswer(
      error,
      id,
      this.serving.formatOf(pathOf(request)),
    );
    response.writeHead(status, { ...headers, [REQUEST_ID_HEADER]: id }).end(body);
    this.observer.refused(error.code);
  }

  /**
   * Closes what is left on a closed connection. Node closes only the response whose turn it was: those
   * pipelined behind it would stay open for ever.
   */
  connectionClosed(connection: Connection): void {
    if (connection.open === 0) return;
    const last = this.lastOn(connection);
    if (connection.open === 1 && last !== undefined) this.close(last);
    else for (const exchange of this) if (exchange.connection === connection) this.close(exchange);
  }

  /** The exchange of an open response. */
  of(response: ServerResponse): Exchange {
    const exchange = this.#open.get(response);
    if (exchange === undefined) throw new Error('The response has no open exchange.');
    return exchange;
  }

  /** The open exchange of the request that came last on `connection`, if it has one. */
  lastOn({ lastResponse }: Connection): Exchange | undefined {
    return lastResponse && this.#open.get(lastResponse);
  }

  /** From now on connections end, each with the answer to the last request it has sent. */
  drain(): void {
    this.#draining = true;
    for (const exchange of this) {
      const isLast = this.lastOn(exchange.connection) === exchange;
      if (isLast) exchange.response.shouldKeepAlive = false;
    }
  }

  /** Those that have no answer yet; the others are waiting for their clients to read it. */
  unanswered(): Exchange[] {
    return [...this].filter(({ response }) => !response.headersSent);
  }

  /** Resolves when every open exchange has its answer. */
  async answered(): Promise<void> {
    while (this.unanswered().length > 0) {
      await Promise.race([this.idle(), sleep(LOOK_AGAIN_MS, undefined, { ref: false })]);
    }
  }

  /** Resolves when no exchange is open. */
  async idle(): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  [Symbol.iterator](): IterableIterator<Exchange> {
    return this.#open.values();
  }

  private close(exchange: Exchange): void {
    if (!this.#open.delete(exchange.response)) return;
    exchange.close();
    exchange.connection.requestClosed();
    this.observer.exchangeClosed(exchange);
    exchange.serving.closed();
    if (this.#open.size === 0) this.#idle?.();
  }
}
