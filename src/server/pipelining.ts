/**
 * How many requests a client may send ahead of their answers.
 *
 * Node parses whatever one read brings, more than a thousand small requests, and calls the application for each in
 * one turn of the event loop. Its back-pressure counts bytes of answers, and answers that are being computed have
 * none. So requests are counted per connection: as many as are allowed stop the reading, and the first beyond them in
 * the same read ends the connection.
 *
 * Why an `upgrade`? It is the one way to make Node's parser leave the rest of a read alone: the socket is ours then,
 * and what else it brings is thrown away unparsed. Destroying the socket does not stop the parser.
 */

import { IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';

import { ServiceError } from '../errors/service-error.js';
import { connectionOf, type Connection } from '../http/connection.js';
import { LINGER_MS } from '../errors/send-error.js';
import { endWith } from './client-error.js';

/** Requests of one connection without an answer. Clients that pipeline have a few in flight; browsers and proxies one. */
export const MAX_PIPELINED = 16;

/** A request that knows whether it is one too many. */
export class ClientRequest extends IncomingMessage {
  /** Nobody is left to answer it, or too many before it wait for their answers. */
  readonly isSurplus: boolean;

  constructor(socket: Socket) {
    super(socket);
    this.isSurplus = !socket.writable || connectionOf(socket).requestCame() > MAX_PIPELINED;
  }

  /** Asked by Node, which hands the socket over where it is true; what clients want to upgrade to is not spoken here. */
  get upgrade(): boolean {
    return this.isSurplus || this.method === 'CONNECT';
  }

  set upgrade(_wanted: unknown) {
    // Node says here what the client asks for.
  }
}

/** Stops reading where as many requests are open as are allowed, once the last of them has arrived whole. */
export function holdBack(connection: Connection): void {
  if (connection.open < MAX_PIPELINED) return;
  // After this read: its parser and whoever reads the body resume the socket.
  setImmediate(() => {
    const { lastResponse, open } = connection;
    if (open < MAX_PIPELINED || lastResponse === undefined) return;
    const { req: request } = lastResponse;
    if (request.complete) {
      connection.hold();
    } else {
      request.once('end', () => {
        holdBack(connection);
      });
    }
  });
}

/** Ends connections that sent a request too many, once what came before it is answered. */
export function endSurplus(server: Server, refused: (error: ServiceError) => void): void {
  server.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
    // Node has taken its own listeners off.
    socket.on('error', () => socket.destroy());
    socket.on('timeout', () => socket.destroy());
    socket.resume();
    if (!socket.writable) return;
    const detail = `More than ${MAX_PIPELINED} requests were sent ahead of their answers.`;
    const error = new ServiceError('too_many_pipelined_requests', detail);
    refused(error);
    const end = () => {
      endWith(socket, error, LINGER_MS);
    };
    // In the order of the requests: what is open gets its answers first.
    const { open, lastResponse } = connectionOf(socket);
    if (open === 0) end();
    else lastResponse?.once('close', end);
  });
}
