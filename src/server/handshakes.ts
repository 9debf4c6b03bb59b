/**
 * Connections whose handshake fails: ended, and counted by why.
 *
 * There is nothing to answer in, so there is no answer: who speaks plain HTTP to the port finds the connection closed.
 */

import type { Server } from 'node:http';
import type { TLSSocket } from 'node:tls';

import type { HandshakeFailure } from '../http/connection.js';

export function endFailedHandshakes(
  server: Server,
  failed: (reason: HandshakeFailure) => void,
): void {
  // Node's own listener makes it a fault of a request, which would be answered.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', ({ code }: NodeJS.ErrnoException, socket: TLSSocket) => {
    failed(reasonOf(code));
    socket.destroy();
  });
}

function reasonOf(code: string | undefined): HandshakeFailure {
  switch (code) {
    case 'ERR_SSL_HTTP_REQUEST':
      return 'plain_http';
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return 'timeout';
    default:
      return 'other';
  }
}
