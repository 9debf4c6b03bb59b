/**
 * Writes an error to a Node response: for the guard in front of Koa, the admin listener and the
 * error middleware alike, so that every refusal of a route looks the same.
 */

import type { ServerResponse } from 'node:http';

import { errorAnswer } from './error-answer.js';
import type { ErrorFormat } from './formats.js';
import type { ServiceError } from './service-error.js';

/** How long a client may go on sending a body that was already refused. */
export const LINGER_MS = 1000;

/**
 * Answers `response` with `error`, and with `more` headers, names and values in turns; does nothing when an answer has begun.
 *
 * When the request has not been read to its end the connection is closed, but only once the client
 * stops sending or a second has passed: closing a socket with unread bytes resets it, and the
 * client would see the reset instead of the answer.
 */
export function sendError(
  response: ServerResponse,
  error: ServiceError,
  requestId: string,
  format: ErrorFormat,
  more: readonly string[] = [],
): void {
  if (response.headersSent || response.destroyed) return;
  const { status, headers: own, body } = errorAnswer(error, requestId, format);
  const headers = [...more, ...Object.entries(own).flat()];
  const request = response.req;
  if (request.complete) {
    response.writeHead(status, headers).end(body);
    return;
  }
  response.shouldKeepAlive = false;
  response.writeHead(status, headers).write(body);
  const finish = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(finish, LINGER_MS).unref();
  request.once('end', finish).once('close', finish).resume();
}
