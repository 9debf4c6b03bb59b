/**
 * An error as an HTTP answer: status, headers, body.
 *
 * Pure: `send-error.ts` writes it to a response, `server/client-error.ts` to a bare socket.
 */

import { statusOf, type ErrorFormat } from './formats.js';
import type { ServiceError } from './service-error.js';

const LEAST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const RETRY_SPREAD_MS = 1000;

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The answer to the request `requestId`, which ended with `error`.
 *
 * What is refused for now asks for a retry: after a second, or longer where the error knows for how long, and up to
 * another second more, spread so that refused clients do not come back at the same instant. `Retry-After` holds the
 * same wait rounded up to whole seconds.
 */
export function errorAnswer(
  error: ServiceError,
  requestId: string,
  format: ErrorFormat,
  random = Math.random,
): ErrorAnswer {
  const status = statusOf(error.code, format);
  const least = Math.min(Math.max(LEAST_RETRY_MS, error.retryAfterMs ?? 0), LONGEST_RETRY_MS);
  const retryAfterMs =
    error.status === 503 ? Math.round(least + random() * RETRY_SPREAD_MS) : undefined;
  const body = JSON.stringify(format.body(error, { requestId, status, retryAfterMs }));
  return {
    status,
    body,
    headers: {
      ...error.headers,
      ...(retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
      'content-type': format.contentType,
      'content-length': String(Buffer.byteLength(body)),
    },
  };
}
