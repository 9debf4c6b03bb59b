/**
 * An error as a client sees it: an RFC 9457 problem in JSON, and the response headers beside it.
 *
 * Pure: `send-problem.ts` writes it to a response, `server/client-error.ts` to a bare socket.
 */

import { errorKinds } from './codes.js';
import type { ServiceError } from './service-error.js';

export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Where a problem's type is explained; the code is the anchor. */
const TYPE_PREFIX = 'urn:chorus:problem:';

/**
 * The problem for `error` in the request `requestId`.
 *
 * A 503 asks for a retry after one to two seconds, spread so that refused clients do not come back
 * at the same instant; `Retry-After` holds the same wait rounded up to whole seconds.
 */
export function problemOf(error: ServiceError, requestId: string, random = Math.random): Problem {
  const { status, title, expose } = errorKinds[error.code];
  const retryAfterMs = status === 503 ? 1000 + Math.floor(random() * 1000) : undefined;
  const body = JSON.stringify({
    type: TYPE_PREFIX + error.code,
    title,
    status,
    detail: expose ? error.message : `${title}.`,
    instance: instanceOf(requestId),
    reason: error.code,
    retry_after_ms: retryAfterMs,
    errors: error.faults?.map(({ pointer, detail }) => ({ pointer, detail, message: detail })),
  });
  return {
    status,
    body,
    headers: {
      ...error.headers,
      ...(retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
      'content-type': 'application/problem+json',
      'content-length': String(Buffer.byteLength(body)),
    },
  };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A request id as a URI: a UUID has a namespace of its own, a caller's own id gets ours. */
function instanceOf(requestId: string): string {
  return UUID.test(requestId) ? `urn:uuid:${requestId}` : `urn:chorus:request:${requestId}`;
}
