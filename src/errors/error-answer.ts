/**
 * An error as an HTTP answer: status, headers, body.
 *
 * Pure: `send-error.ts` writes it to a response, `server/client-error.ts` to a bare socket.
 */

import type { ErrorFormat } from './formats.js';
import type { ServiceError } from './service-error.js';

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The answer to the request `requestId`, which ended with `error`.
 *
 * A 503 asks for a retry after one to two seconds, spread so that refused clients do not come back
 * at the same instant; `Retry-After` holds the same wait rounded up to whole seconds.
 */
export function errorAnswer(
  error: ServiceError,
  requestId: string,
  format: ErrorFormat,
  random = Math.random,
): ErrorAnswer {
  const { status } = error;
  const retryAfterMs = status === 503 ? 1000 + Math.floor(random() * 1000) : undefined;
  const body = JSON.stringify(format.body(error, { requestId, retryAfterMs }));
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
