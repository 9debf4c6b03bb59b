/**
 * One request and its response, from the first header byte to the last answer byte.
 *
 * Owns what everything along the way needs to know about it: the id, the route for metrics, the error it
 * ended with and how that is told, and what to cancel when there is nobody or no time left to answer. The
 * one object and the one `close` listener that a request costs. `exchanges.ts` keeps the open ones.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Answer, Inference } from '../engine/engine.js';
import type { ErrorCode } from '../errors/codes.js';
import { sendError } from '../errors/send-error.js';
import { ServiceError } from '../errors/service-error.js';
import type { BodyMemory } from './body-memory.js';
import { connectionOf, type Connection } from './connection.js';
import type { TrustedProxies } from './proxies.js';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.js';
import type { Serving } from './serving.js';
import { pathOf } from './target.js';
import type { Trace } from './trace.js';

/** The route of everything that no route matched: one label value, whatever clients try. */
export const UNMATCHED_ROUTE = 'other';

/**
 * The engine gives up what is late by itself, and knows better why. Where it does not get to it, because
 * every lane is busy with one batch, the request ends this many milliseconds later.
 */
const LAST_RESORT_MS = 100;

/** There is no answer `milliseconds` after the request came. */
export function tooLate(milliseconds: number): ServiceError {
  return new ServiceError('deadline_exceeded', `No answer within ${milliseconds} ms.`);
}

/** What exchanges share. */
export interface ExchangeServices {
  readonly bodyMemory: BodyMemory;
  /** Absent: nobody is asked by whom a request was forwarded, and everybody's ids are taken over. */
  readonly proxies?: TrustedProxies | undefined;
}

/** Whether the ids of requests on `connection` are taken over. */
export function isBelieved(connection: Connection, { proxies }: ExchangeServices): boolean {
  return proxies === undefined || proxies.owns(connection);
}

export class Exchange {
  readonly id: string;
  readonly connection: Connection;
  /** Whether the ids that it brings are taken over: its own, and that of its trace. */
  readonly isBelieved: boolean;
  readonly startedAt = performance.now();
  /** The matched route's pattern, never the path that was asked for. */
  route = UNMATCHED_ROUTE;
  /** The name of the key that was shown, where keys are asked for. */
  keyName: string | undefined;
  /** Bytes of the body, once it was read. */
  bodyBytes: number | undefined;
  /** The code of the error that was answered, or `cancelled`. */
  errorCode: ErrorCode | undefined;
  /** Whether the client waits to be told before it sends the body. */
  awaitsInvitation = false;
  #takenBytes = 0;
  /** Where requests are traced. */
  trace: Trace | undefined;
  /** Names and values in turns, which Node takes at once for less than one by one. */
  readonly #headers: string[] = [];
  #inference: Inference | undefined;
  #gone: AbortController | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly serving: Serving,
    private readonly services: ExchangeServices,
  ) {
    this.connection = connectionOf(request.socket);
    this.isBelieved = isBelieved(this.connection, services);
    this.id = requestIdOf(request, this.isBelieved);
    this.header(REQUEST_ID_HEADER, this.id);
  }

  /** Adds a header to whatever is answered; to be called once for each name. */
  header(name: string, value: string): void {
    this.#headers.push(name, value);
  }

  /**
   * Takes memory for the body, until the exchange ends.
   *
   * @throws {ServiceError} `body_memory_full`
   */
  takeMemory(bytes: number): void {
    this.services.bodyMemory.take(bytes);
    this.#takenBytes += bytes;
  }

  /** The address of who asked, as far as proxies that are believed tell it. */
  get client(): string {
    const { connection, request } = this;
    const { 'x-forwarded-for': forwardedFor } = request.headers;
    if (typeof forwardedFor !== 'string') return connection.address;
    return this.services.proxies?.clientOf(connection, forwardedFor) ?? connection.address;
  }

  /** What the client speaks, as far as proxies that are believed tell it. */
  get scheme(): 'http' | 'https' {
    const { connection, request } = this;
    const { 'x-forwarded-proto': forwarded } = request.headers;
    const isTold = forwarded === 'http' || forwarded === 'https';
    if (isTold && this.services.proxies?.owns(connection) === true) return forwarded;
    return connection.isEncrypted ? 'https' : 'http';
  }

  /** Tells a client that waits for it to send the body, which will be read. */
  invite(): void {
    if (!this.awaitsInvitation) return;
    this.awaitsInvitation = false;
    this.response.writeContinue();
  }

  /**
   * The answer of `inference`, which is cancelled when the client goes away or, as a last resort, some time
   * after `timeoutMs` have passed since this call (0: never). To be called once, by the route.
   */
  wait(inference: Inference, timeoutMs: number): Promise<Answer> {
    this.#inference = inference;
    if (this.response.destroyed) this.clientGone();
    else if (timeoutMs > 0) {
      this.#deadline = setTimeout(() => {
        inference.cancel(tooLate(timeoutMs));
      }, timeoutMs + LAST_RESORT_MS).unref();
    }
    return inference.answer;
  }

  /**
   * Aborted, with the error that is told nobody, when the client goes away.
   *
   * Made when it is asked for: one for each request took a fifth of the JS thread. So only what can be called off by nothing
   * else asks, such as a store on other machines.
   */
  get gone(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      if (this.response.destroyed) this.clientGone();
    }
    return this.#gone.signal;
  }

  /** Answers with `body`, which is JSON, unless an answer has begun. */
  answer(body: string): void {
    // Without a charset, which JSON has not; some clients take only the plain type.
    this.header('content-type', 'application/json');
    // Node leaves the length out for HTTP/1.0, whose clients then cannot tell a whole answer from one that was cut.
    this.header('content-length', String(Buffer.byteLength(body)));
    this.write(200, body);
  }

  /** Answers with what is no JSON, or with nothing, unless an answer has begun. */
  send(status: number, headers: Readonly<Record<string, string>>, body?: Uint8Array): void {
    for (const [name, value] of Object.entries(headers)) this.header(name, value);
    this.write(status, body);
  }

  private write(status: number, body?: string | Uint8Array): void {
    const { response } = this;
    if (response.headersSent || response.destroyed) return;
    // Nobody knows then whether what comes next is the body or another request.
    if (this.awaitsInvitation) response.shouldKeepAlive = false;
    response.writeHead(status, this.#headers).end(body);
  }

  /** Answers with `error`, as the route tells errors below whose path the request is, unless an answer has begun. */
  fail(error: ServiceError): void {
    this.errorCode ??= error.code;
    const format = this.serving.formatOf(pathOf(this.request));
    sendError(this.response, error, this.id, format, this.#headers);
  }

  /** Ends the exchange's claims: called once, when the response has closed. */
  close(): void {
    clearTimeout(this.#deadline);
    this.services.bodyMemory.giveBack(this.#takenBytes);
    if (!this.response.writableFinished) this.clientGone();
  }

  private clientGone(): void {
    this.errorCode = 'cancelled';
    const reason = new ServiceError('cancelled', 'The client closed the connection.');
    this.#inference?.cancel(reason);
    this.#gone?.abort(reason);
  }
}
