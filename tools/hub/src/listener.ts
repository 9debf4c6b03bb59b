/**
 * One HTTP server on a loopback port that counts what is open.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How many at most were open at once. */
export interface Peak {
  readonly connections: number;
  readonly requests: number;
}

export class Listener {
  readonly #server: Server;
  #connections = 0;
  #requests = 0;
  #peak = { connections: 0, requests: 0 };

  constructor(answer: (req: IncomingMessage, res: ServerResponse) => void) {
    this.#server = createServer((req, res) => {
      this.#requests += 1;
      this.#peak.requests = Math.max(this.#peak.requests, this.#requests);
      res.once('close', () => (this.#requests -= 1));
      answer(req, res);
    });
    this.#server.on('connection', (socket) => {
      this.#connections += 1;
      this.#peak.connections = Math.max(this.#peak.connections, this.#connections);
      socket.once('close', () => (this.#connections -= 1));
    });
  }

  get peak(): Peak {
    return this.#peak;
  }

  /** Resolves with the origin; port 0 is any free one. */
  async listen(port: number, host = '127.0.0.1'): Promise<string> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return `http://${host}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends every connection, also those that wait for an answer that never comes. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
