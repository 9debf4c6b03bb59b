/**
 * What is known of one client's connection: how many of its requests are open and which came last.
 *
 * Lies on the socket itself, since every request asks for it.
 */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const CONNECTION = Symbol('connection');

/** Orders connections by when they became idle, for less than a clock takes. */
let ticks = 0;

export class Connection {
  /** Requests that have been read and whose answers have not left yet. */
  open = 0;
  /** The answer to the request that came last, with an exchange or without. */
  lastResponse: ServerResponse | undefined;
  /** Grows from connection to connection; means something while none of its requests is open. */
  idleSince = (ticks += 1);
  /** Whether a fault of its bytes has been answered: Node reports it again for every packet that follows. */
  faulted = false;
  #held = false;

  constructor(readonly socket: Socket) {}

  requestOpened(response: ServerResponse): void {
    this.open += 1;
    this.lastResponse = response;
  }

  requestClosed(): void {
    this.open -= 1;
    if (this.open > 0) return;
    this.idleSince = ticks += 1;
    if (this.#held) {
      this.#held = false;
      this.socket.resume();
    }
  }

  /** Reads nothing more until every open request is answered. */
  hold(): void {
    this.#held = true;
    this.socket.pause();
  }
}

export function connectionOf(
  socket: Socket & { [CONNECTION]?: Connection | undefined },
): Connection {
  return (socket[CONNECTION] ??= new Connection(socket));
}
