/**
 * One request and its answer: what the log keeps of it, and the ways in which the hub answers.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { WHOLE_ANSWER, type Faults, type Place, type Target } from './fault.js';

/** A request in the log. `status` is 0 and `bytes` grows until it is answered. */
export interface LoggedRequest {
  readonly on: Place;
  readonly method: string;
  /** The URL's path as it was sent, without the query. */
  readonly path: string;
  readonly query: string;
  /** `owner/name/path` where a file was asked for, else the URL's path. */
  readonly subject: string;
  readonly range: string | undefined;
  /** Whether it carried an `Authorization` header. */
  readonly authorized: boolean;
  readonly status: number;
  /** Bytes of the body handed to the connection. */
  readonly bytes: number;
}

export type Headers = Readonly<Record<string, string>>;

export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly url: URL;
  readonly target: Target;
  readonly faults: Faults;
  readonly #entry: { -readonly [K in keyof LoggedRequest]: LoggedRequest[K] };

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    url: URL,
    on: Place,
    subject: string,
    faults: Faults,
  ) {
    this.req = req;
    this.res = res;
    this.url = url;
    this.faults = faults;
    this.target = { on, method: req.method ?? 'GET', subject };
    this.#entry = {
      ...this.target,
      path: url.pathname,
      query: url.search.slice(1),
      range: req.headers.range,
      authorized: req.headers.authorization !== undefined,
      status: 0,
      bytes: 0,
    };
  }

  get entry(): LoggedRequest {
    return this.#entry;
  }

  /** The path and query as they were sent. */
  get address(): string {
    return this.req.url ?? '/';
  }

  get token(): string | undefined {
    return /^Bearer (.+)$/.exec(this.req.headers.authorization ?? '')?.[1];
  }

  head(status: number, headers: Headers): void {
    this.#entry.status = status;
    this.res.writeHead(status, headers);
  }

  /** Writes a piece of the body; resolves when the connection takes more, or is gone. */
  write(piece: Buffer): Promise<void> {
    this.#entry.bytes += piece.length;
    return new Promise((resolve) => {
      this.res.once('close', resolve);
      this.res.write(piece, () => {
        this.res.off('close', resolve);
        resolve();
      });
    });
  }

  /** A small answer as a whole; a HEAD request gets its headers. */
  answer(status: number, headers: Headers, body: string): void {
    this.head(status, { ...headers, 'Content-Length': String(Buffer.byteLength(body)) });
    if (this.target.method === 'HEAD') this.res.end();
    else {
      this.#entry.bytes += Buffer.byteLength(body);
      this.res.end(body);
    }
  }

  redirect(status: 302 | 307, location: string, headers: Headers = {}): void {
    const reason = status === 302 ? 'Found' : 'Temporary Redirect';
    const type = { 'Content-Type': 'text/plain; charset=utf-8' };
    this.answer(
      status,
      { ...headers, ...type, Location: location },
      `${reason}. Redirecting to ${location}`,
    );
  }

  /** An error as its place words it: the hub in JSON or plain text with headers, the CDN in XML. */
  error(status: number, code: string | undefined, message: string, more: Headers = {}): void {
    if (this.target.on === 'cdn') {
      const body = `<?xml version="1.0"?><Error><Message>${message}</Message></Error>`;
      this.answer(status, { 'Content-Type': 'application/xml', ...more }, body);
      return;
    }
    const json = this.target.on === 'api';
    this.answer(
      status,
      {
        'Content-Type': json ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
        ...(code !== undefined && { 'X-Error-Code': code }),
        'X-Error-Message': message,
        ...more,
      },
      json ? JSON.stringify({ error: message }) : message,
    );
  }

  /** Does what a fault about the whole answer wants; false where there is none. */
  spoiled(): boolean {
    const fault = this.faults.take(WHOLE_ANSWER, this.target);
    switch (fault?.kind) {
      case undefined:
        return false;
      case 'hang':
        break;
      case 'hang-up':
        this.res.destroy();
        break;
      case 'redirect':
        this.redirect(302, fault.location);
        break;
      case 'redirect-loop':
        this.redirect(302, this.address);
        break;
      case 'status': {
        const usual = USUAL[fault.status];
        const after =
          fault.retryAfter instanceof Date ? fault.retryAfter.toUTCString() : fault.retryAfter;
        this.error(
          fault.status,
          fault.code ?? usual?.code,
          fault.message ?? usual?.message ?? 'Internal Error - We are working on it',
          after === undefined ? {} : { 'Retry-After': String(after) },
        );
      }
    }
    return true;
  }
}

const USUAL: Readonly<Record<number, { readonly code?: string; readonly message: string }>> = {
  401: { message: 'Invalid credentials in Authorization header' },
  403: {
    code: 'GatedRepo',
    message: 'Access to this model is restricted and you are not in the authorized list.',
  },
  404: { code: 'EntryNotFound', message: 'Entry not found' },
  416: { message: 'Range Not Satisfiable' },
  429: { message: 'We had to rate limit your IP. To continue using our service, log in.' },
};
