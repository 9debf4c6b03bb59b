/**
 * The exchanges that are open on one listener.
 *
 * Opens one per request, reports it when it has ended, and knows which are left: what draining waits
 * for, and what a fault on a socket must not overtake.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { FormatOf } from '../errors/formats.js';
import { Exchange } from './exchange.js';

export interface ExchangeObserver {
  exchangeOpened(exchange: Exchange): void;
  exchangeClosed(exchange: Exchange): void;
}

export class Exchanges {
  readonly #open = new Map<ServerResponse, Exchange>();
  readonly #lastOnSocket = new WeakMap<Socket, ServerResponse>();
  #draining = false;
  #idle: (() => void) | undefined;

  constructor(
    private readonly observer: ExchangeObserver,
    private readonly formatOf: FormatOf,
  ) {}

  get size(): number {
    return this.#open.size;
  }

  open(request: IncomingMessage, response: ServerResponse): Exchange {
    const exchange = new Exchange(request, response, this.formatOf);
    if (this.#draining) response.shouldKeepAlive = false;
    this.#open.set(response, exchange);
    this.#lastOnSocket.set(request.socket, response);
    this.observer.exchangeOpened(exchange);
    response.once('close', () => {
      this.close(exchange);
    });
    return exchange;
  }

  /**
   * Closes what is left on a closed socket. Node closes only the response whose turn it was: those
   * pipelined behind it would stay open for ever.
   */
  socketClosed(socket: Socket): void {
    if (this.lastOn(socket) === undefined) return;
    for (const exchange of this) if (exchange.request.socket === socket) this.close(exchange);
  }

  /** The exchange of an open response. */
  of(response: ServerResponse): Exchange {
    const exchange = this.#open.get(response);
    if (exchange === undefined) throw new Error('The response has no open exchange.');
    return exchange;
  }

  /** The open exchange that began last on `socket`, if there is one. */
  lastOn(socket: Socket): Exchange | undefined {
    const response = this.#lastOnSocket.get(socket);
    return response && this.#open.get(response);
  }

  /** From now on connections end, each with the answer to the last request it has sent. */
  drain(): void {
    this.#draining = true;
    for (const exchange of this) {
      const isLast = this.lastOn(exchange.request.socket) === exchange;
      if (isLast) exchange.response.shouldKeepAlive = false;
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
    this.observer.exchangeClosed(exchange);
    if (this.#open.size === 0) this.#idle?.();
  }
}
