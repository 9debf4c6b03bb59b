/**
 * The listener that clients talk to: Node's HTTP server with its limits set and its gaps filled.
 *
 * Opens an exchange per request, refuses what `guard.ts` finds, gives the rest to the application.
 * Knows nothing of routes or models.
 */

import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { Socket } from 'node:net';

import type { ErrorCode } from '../errors/codes.js';
import { ServiceError } from '../errors/service-error.js';
import type { HandshakeFailure } from '../http/connection.js';
import type { Cors } from '../http/cors.js';
import type { Exchange } from '../http/exchange.js';
import type { Exchanges } from '../http/exchanges.js';
import { answerClientError, type ClientFault } from './client-error.js';
import type { Certificate } from './certificate.js';
import type { ConnectionObserver, Connections } from './connections.js';
import { guard } from './guard.js';
import { endFailedHandshakes } from './handshakes.js';
import { ClientRequest, endSurplus, holdBack } from './pipelining.js';

export interface ServerLimits {
  readonly maxBodySize: number;
  readonly maxOpenRequests: number;
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
}

export interface ServerObserver extends ConnectionObserver {
  parseError(code: string): void;
  refused(code: ErrorCode): void;
  handshakeFailed(reason: HandshakeFailure): void;
}

export interface PublicServerParts {
  readonly limits: ServerLimits;
  readonly exchanges: Exchanges;
  readonly connections: Connections;
  readonly observer: ServerObserver;
  /** Absent where connections are not encrypted. */
  readonly certificate?: Certificate | undefined;
  /** Absent where browsers are told nothing. */
  readonly cors?: Cors | undefined;
}

export function createPublicServer(parts: PublicServerParts): Server {
  const { limits, exchanges, connections, observer, certificate, cors } = parts;
  const { maxBodySize, maxOpenRequests, ...timeouts } = limits;
  const options = {
    ...timeouts,
    IncomingMessage: ClientRequest,
    // Node looks at the two timeouts this often, so a slow client overstays by a second at most.
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 8 * 1024,
    // `guard` wants exactly one; Node's own refusal of none has no body.
    requireHostHeader: false,
    noDelay: true,
  };
  const server =
    certificate === undefined
      ? createServer(options)
      : secureServer({ ...options, handshakeTimeout: limits.headersTimeout }, certificate);
  // `guard` sees every field: the size bounds their number. Node would hide those beyond the thousandth.
  server.maxHeadersCount = 0;

  const listen =
    (accept: (exchange: Exchange) => void): RequestListener =>
    (request, response) => {
      const isFull = exchanges.size >= maxOpenRequests;
      const early = isFull ? tooManyOpen() : exchanges.refusal(request);
      if (early !== undefined) {
        exchanges.refuse(request, response, early);
        return;
      }
      const exchange = exchanges.open(request, response);
      holdBack(exchange.connection);
      const refusal = guard(request, maxBodySize);
      if (refusal !== undefined) exchange.fail(refusal);
      else if (cors?.isPreflight(request) === true) cors.answer(exchange);
      else accept(exchange);
    };

  const answer = ({ serving, request, response }: Exchange) => {
    serving.app(request, response);
  };
  server.on('request', listen(answer));
  server.on(
    'checkContinue',
    listen((exchange) => {
      // Whoever reads the body says so. Nobody does where there is no route for it.
      exchange.awaitsInvitation = true;
      answer(exchange);
    }),
  );
  server.on(
    'checkExpectation',
    listen((exchange) => {
      const detail = 'The only expectation that is met is 100-continue.';
      exchange.fail(new ServiceError('expectation_failed', detail));
    }),
  );
  connections.watch(server, certificate !== undefined, (connection) => {
    exchanges.connectionClosed(connection);
  });
  server.on('clientError', (fault: ClientFault, socket: Socket) => {
    observer.parseError(fault.code ?? 'unknown');
    answerClientError(fault, socket, exchanges);
  });
  endFailedHandshakes(server, (reason) => {
    observer.handshakeFailed(reason);
  });
  endSurplus(server, ({ code }) => {
    observer.refused(code);
  });
  return server;
}

function secureServer(options: ServerOptions, certificate: Certificate): Server {
  const server = createSecureServer({ ...options, ...certificate.options });
  certificate.follow(server);
  return server;
}

function tooManyOpen(): ServiceError {
  return new ServiceError('too_many_open_requests', 'More requests wait for answers than may.');
}
