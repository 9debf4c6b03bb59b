/**
 * The id that ties an answer, its log line and the caller's own records together.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export const REQUEST_ID_HEADER = 'x-request-id';

/** What is safe to repeat in headers, logs and URIs. */
const SANE_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** The caller's own id when the caller is believed and it is sane, otherwise a new UUID. */
export function requestIdOf(request: IncomingMessage, isBelieved: boolean): string {
  const given = request.headers[REQUEST_ID_HEADER];
  return isBelieved && typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID();
}
