/**
 * Which pages of other origins may read answers: what the Fetch standard calls CORS
 * (https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * Why not `@koa/cors`? What is refused at its header never gets to Koa, and a page that cannot read a 503 cannot
 * obey its `Retry-After`. So the headers are set where a response is first seen, and errors have them, too.
 *
 * Credentials in the standard's sense, cookies, are never allowed: a key is a header that a page sets itself.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Exchange } from './exchange.js';

const ANY_ORIGIN = '*';

/** What a page may read, besides what it always may. */
const EXPOSED = [
  ...['chorus-generation', 'chorus-truncated', 'retry-after', 'server-timing'],
  ...['traceresponse', 'www-authenticate', 'x-cache', 'x-request-id'],
].join(', ');

/** What a page may send, besides what it always may. */
const ALLOWED = [
  ...['authorization', 'cache-control', 'chorus-deadline', 'chorus-priority', 'content-type'],
  ...['traceparent', 'tracestate', 'x-api-key', 'x-request-id'],
].join(', ');

/** What a preflight is told; two hours are as long as any browser but one remembers it. */
const MAY = {
  'access-control-allow-methods': 'GET, HEAD, POST',
  'access-control-allow-headers': ALLOWED,
  'access-control-max-age': '7200',
};

export class Cors {
  readonly #origins: ReadonlySet<string>;
  readonly #isAny: boolean;

  /** `origins` as browsers write them, such as `https://app.example`, or `*`. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
    this.#isAny = this.#origins.has(ANY_ORIGIN);
  }

  /** Sets the headers that every answer has, be it an error. */
  mark({ headers: { origin } }: IncomingMessage, response: ServerResponse): void {
    // A cache in between keeps answers for origins apart, those for none included.
    if (!this.#isAny) response.setHeader('vary', 'Origin');
    if (origin === undefined || !(this.#isAny || this.#origins.has(origin))) return;
    response.setHeader('access-control-allow-origin', this.#isAny ? ANY_ORIGIN : origin);
    response.setHeader('access-control-expose-headers', EXPOSED);
  }

  /** Whether a browser asks what a page may do: it shows no key. */
  isPreflight({ method, headers }: IncomingMessage): boolean {
    return (
      method === 'OPTIONS' &&
      headers.origin !== undefined &&
      headers['access-control-request-method'] !== undefined
    );
  }

  /** Answers a preflight; of an origin that is not allowed with nothing. */
  answer(exchange: Exchange): void {
    const isAllowed = exchange.response.hasHeader('access-control-allow-origin');
    exchange.send(204, isAllowed ? MAY : {});
  }
}
