/**
 * The connections that are open on the public listener: how many there may be, and for how long.
 *
 * Where as many are open as may be, the one that has been idle for longest makes room for the new one: it can come
 * back, and whoever keeps connections without using them shuts nobody out. Node would drop the new one.
 */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import { connectionOf, type CloseReason, type Connection } from '../http/connection.js';

export interface ConnectionLimits {
  readonly maxConnections: number;
  /** Milliseconds without progress after which answers that wait to be read are given up; 0: never. */
  readonly writeTimeout: number;
}

export interface ConnectionObserver {
  /** A new one was refused. */
  connectionDropped(): void;
  connectionClosed(reason: CloseReason): void;
}

export class Connections {
  readonly #open = new Set<Connection>();
  /** The longest idle first. */
  readonly #idle = new Set<Connection>();
  /** Those whose handshake is not done, by their ends: nothing else that is public ties what Node tells of first and then. */
  readonly #handshaking = new Map<string, Connection>();

  constructor(
    private readonly limits: ConnectionLimits,
    private readonly observer: ConnectionObserver,
  ) {}

  /** Sees to all connections of `server`, encrypted where `isSecure`, and tells `closed` of each that ends. */
  watch(server: Server, isSecure: boolean, closed: (connection: Connection) => void): void {
    server.on('connection', (socket: Socket) => {
      if (!this.#makeRoom()) {
        this.observer.connectionDropped();
        socket.destroy();
        return;
      }
      const connection = connectionOf(socket);
      this.#open.add(connection);
      connection.waitsAmong(this.#idle);
      const ends = endsOf(socket);
      if (isSecure) this.#handshaking.set(ends, connection);
      socket.once('close', () => {
        if (this.#handshaking.get(ends) === connection) this.#handshaking.delete(ends);
        this.#open.delete(connection);
        this.#idle.delete(connection);
        closed(connection);
      });
    });
    // Before Node reads the first request.
    server.prependListener('secureConnection', (socket: Socket) => {
      const ends = endsOf(socket);
      const connection = this.#handshaking.get(ends);
      this.#handshaking.delete(ends);
      // One whose client is gone has no ends any more.
      if (connection === undefined) socket.destroy();
      else connection.secured(socket);
    });
    // Node's timer of a socket: reset by whatever it reads or writes, also within one large write.
    server.setTimeout(this.limits.writeTimeout, (socket) => {
      if (socket.writableLength > 0) {
        this.#close(connectionOf(socket), 'write_timeout');
      } else if (connectionOf(socket).open === 0) {
        // Kept alive for long enough. One whose answer is being made is left alone.
        socket.destroy();
      }
    });
  }

  /** Cuts all that are left, those that Node's server no longer knows included. */
  destroyAll(): void {
    for (const { socket } of this.#open) socket.destroy();
  }

  /** Whether there is room for one more, perhaps since another was closed. */
  #makeRoom(): boolean {
    if (this.#open.size < this.limits.maxConnections) return true;
    for (const connection of this.#idle) {
      // Of one whose first request is on its way that is known here first; it comes back once that is answered.
      this.#idle.delete(connection);
      if (connection.isBeginning) continue;
      this.#close(connection, 'idle');
      return true;
    }
    return false;
  }

  #close(connection: Connection, reason: CloseReason): void {
    this.#open.delete(connection);
    this.observer.connectionClosed(reason);
    connection.socket.destroy();
  }
}

function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return [remoteAddress, remotePort, localAddress].join(' ');
}
