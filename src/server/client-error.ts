/**
 * Answers what never became a request: bytes that are not HTTP, headers too large, or too slow.
 *
 * There may be no response object, so the answer is written to the socket by hand, with the same
 * body as every other error, and never in front of an answer that is still being made.
 */

import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

import { errorAnswer } from '../errors/error-answer.js';
import { problem } from '../errors/problem.js';
import { ServiceError } from '../errors/service-error.js';
import { REQUEST_ID_HEADER } from '../http/request-id.js';
import type { Exchanges } from '../http/exchanges.js';

/** A Node `clientError`; its code is one of llhttp's or Node's. */
export type ClientFault = Error & { readonly code?: string };

/** The client reset the connection, or ended it in the middle of a request. */
const CLIENT_GONE: ReadonlySet<string | undefined> = new Set([
  'ECONNRESET',
  'HPE_INVALID_EOF_STATE',
]);

/** Node reports a broken socket again for every packet that follows. */
const answered = new WeakSet<Socket>();

/** For `server.on('clientError')`: answers the socket's first fault and closes the socket. */
export function answerClientError(fault: ClientFault, socket: Socket, exchanges: Exchanges): void {
  if (answered.has(socket)) return;
  answered.add(socket);
  if (CLIENT_GONE.has(fault.code) || !socket.writable) {
    socket.destroy();
    return;
  }
  const error = serviceErrorOf(fault);
  const last = exchanges.lastOn(socket);
  if (last === undefined) {
    endWith(socket, error);
  } else if (last.request.complete) {
    // The fault is in what follows a good request: that one gets its answer first.
    last.response.once('close', () => {
      endWith(socket, error);
    });
  } else {
    // The fault is in the body of a request that has a response object already.
    last.fail(error);
    last.response.end();
  }
}

function serviceErrorOf({ code }: ClientFault): ServiceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError('headers_too_large', 'The header exceeds 8 KiB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError('request_timeout', 'The request did not arrive in time.');
    default:
      return new ServiceError('malformed_request', 'This is not a well-formed HTTP/1.1 request.');
  }
}

function endWith(socket: Socket, error: ServiceError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = randomUUID();
  const { status, headers, body } = errorAnswer(error, requestId, problem);
  const lines = Object.entries({ ...headers, [REQUEST_ID_HEADER]: requestId, connection: 'close' });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n` +
      lines.map(([name, value]) => `${name}: ${value}\r\n`).join('') +
      `\r\n${body}`,
    () => socket.destroy(),
  );
}
