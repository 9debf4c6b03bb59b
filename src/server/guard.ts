/**
 * What is refused before Koa sees it, because the framing is ambiguous or the body too large.
 *
 * Node's parser refuses most malformed requests itself (`client-error.ts` answers those). These it
 * lets through, and each is a way to smuggle a request past a proxy that reads it differently.
 */

import type { IncomingMessage } from 'node:http';

import { ServiceError } from '../errors/service-error.js';
import { bodyTooLarge } from '../http/read-body.js';

/** What is known of a request before its body. */
export type RequestHead = Pick<
  IncomingMessage,
  'headers' | 'httpVersionMajor' | 'httpVersionMinor' | 'rawHeaders'
>;

/** The reason to refuse `request` at its header, or `undefined`. */
export function guard(request: RequestHead, maxBodyBytes: number): ServiceError | undefined {
  if (request.httpVersionMajor !== 1) {
    return malformed('The request names no HTTP version; HTTP/1.1 is spoken here.');
  }
  // RFC 9112, section 3.2. Node keeps the first of several.
  const hosts = countHeader(request.rawHeaders, 'host');
  if (hosts > 1 || (hosts === 0 && request.httpVersionMinor >= 1)) {
    return malformed('The request must have exactly one Host header.');
  }
  const transferEncoding = request.headers['transfer-encoding'];
  if (transferEncoding !== undefined && transferEncoding.trim().toLowerCase() !== 'chunked') {
    return malformed('The only Transfer-Encoding that is read is chunked.');
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) {
    return bodyTooLarge(maxBodyBytes);
  }
  return undefined;
}

function malformed(detail: string): ServiceError {
  return new ServiceError('malformed_request', detail);
}

/** Names are at even positions, as they were sent. */
function countHeader(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) count += 1;
  }
  return count;
}
