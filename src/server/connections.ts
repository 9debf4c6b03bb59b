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

  constructor(
    private readonly limits: ConnectionLimits,
    private readonly observer: ConnectionObserver,
  ) {}

  /** Sees to all connections of `server`, and tells `closed` of each that ends. */
  watch(server: Server, closed: (socket: Socket) => void): void {
    server.on('connection', (socket: Socket) => {
      if (!this.#makeRoom()) {
        this.observer.connectionDropped();
        socket.destroy();
        return;
      }
      const connection = connectionOf(socket);
      this.#open.add(connection);
      socket.once('close', () => {
        this.#open.delete(connection);
        closed(socket);
      });
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
    let longest: Connection | undefined;
    for (const connection of this.#open) {
      const isLonger = longest === undefined || connection.idleSince < longest.idleSince;
      if (isLonger && connection.isIdle) longest = connection;
    }
    if (longest === undefined) return false;
    this.#close(longest, 'idle');
    return true;
  }

  #close(connection: Connection, reason: CloseReason): void {
    this.#open.delete(connection);
    this.observer.connectionClosed(reason);
    connection.socket.destroy();
  }
}
