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
import { connectionOf } from '../http/connection.js';

/** A Node `clientError`; its code is one of llhttp's or Node's. */
export type ClientFault = Error & { readonly code?: string };

/** The client reset the connection, or ended it in the middle of a request. */
const CLIENT_GONE: ReadonlySet<string | undefined> = new Set([
  'ECONNRESET',
  'HPE_INVALID_EOF_STATE',
]);

/** For `server.on('clientError')`: answers the socket's first fault and closes the socket. */
export function answerClientError(fault: ClientFault, socket: Socket, exchanges: Exchanges): void {
  const connection = connectionOf(socket);
  if (connection.faulted) return;
  connection.faulted = true;
  if (CLIENT_GONE.has(fault.code) || !socket.writable) {
    socket.destroy();
    return;
  }
  const error = serviceErrorOf(fault);
  const { lastResponse, open } = connection;
  if (lastResponse?.req.complete === false) {
    // The fault is in the body of a request that has a response object already, and perhaps its answer: not two.
    if (open === 0) {
      socket.destroy();
      return;
    }
    lastResponse.once('close', () => socket.destroy());
    exchanges.lastOn(connection)?.fail(error);
    lastResponse.end();
  } else if (open === 0) {
    endWith(socket, error);
  } else {
    // The fault is in what follows a good request: that one gets its answer first.
    lastResponse?.once('close', () => {
      endWith(socket, error);
    });
  }
}

function serviceErrorOf({ code }: ClientFault): ServiceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError(
        'headers_too_large',
        'The header exceeds 8 KiB, or has more fields than are read.',
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError('request_timeout', 'The request did not arrive in time.');
    default:
      return new ServiceError('malformed_request', 'This is not a well-formed HTTP/1.1 request.');
  }
}

/** Ends `socket` with `error`; what the client still sends is read for `lingerMs`, since a reset would take the answer. */
export function endWith(socket: Socket, error: ServiceError, lingerMs = 0): void {
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
    () => {
      if (lingerMs > 0) setTimeout(() => socket.destroy(), lingerMs).unref();
      else socket.destroy();
    },
  );
}
