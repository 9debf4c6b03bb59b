/**
 * What is known of one client's connection: how many of its requests are open and which came last.
 *
 * Lies on the socket itself, since every request asks for it.
 */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Why a connection is closed that did nothing wrong: another needs its place, or its client reads nothing. */
export const closeReasons = ['idle', 'write_timeout'] as const;

export type CloseReason = (typeof closeReasons)[number];

/** Why a connection never came to be encrypted. */
export const handshakeFailures = ['other', 'plain_http', 'timeout'] as const;

export type HandshakeFailure = (typeof handshakeFailures)[number];

const CONNECTION = Symbol('connection');

export class Connection {
  /** Requests that have been read and whose answers have not left yet. */
  open = 0;
  /** The answer to the request that came last, with an exchange or without. */
  lastResponse: ServerResponse | undefined;
  /** Whether a fault of its bytes has been answered: Node reports it again for every packet that follows. */
  faulted = false;
  #held = false;
  #idle: Set<Connection> | undefined;
  /** Bytes that had come when the last request was counted, and the requests that the same read has brought. */
  #bytesRead = 0;
  #inRead = 0;

  /** Where it comes from, which a socket does not know any more once it is closed; empty where it was gone at once. */
  readonly address: string;
  /** Whether it is that of a proxy that is believed, once that was looked up. */
  isOfProxy: boolean | undefined;
  isEncrypted = false;
  #socket: Socket & { [CONNECTION]?: Connection | undefined };

  /** `accepted`: what the client's bytes come by, encrypted or not. */
  constructor(private readonly accepted: Socket) {
    this.#socket = accepted;
    this.address = plain(accepted.remoteAddress ?? '');
  }

  /** What requests come by. */
  get socket(): Socket {
    return this.#socket;
  }

  /** The handshake is done: from now on requests come by `socket`. */
  secured(socket: Socket): void {
    this.isEncrypted = true;
    this.#socket = socket;
    this.#socket[CONNECTION] = this;
    // Its handshake counted as the first request's bytes.
    this.#idle?.add(this);
  }

  /**
   * How many requests were sent ahead of their answers, as far as one read tells, when one more has come.
   *
   * Not what is open alone: answers that are made at once leave between two requests of the same read. Of an encrypted
   * one Node makes as many as it has records; what was accepted knows better.
   */
  requestCame(): number {
    const { bytesRead } = this.accepted;
    if (bytesRead !== this.#bytesRead) this.#inRead = 0;
    this.#bytesRead = bytesRead;
    this.#inRead += 1;
    return Math.max(this.#inRead, this.open + 1);
  }

  /** It is among `idle` from now on while none of its requests is open, behind those that were so before. */
  waitsAmong(idle: Set<Connection>): void {
    this.#idle = idle;
    idle.add(this);
  }

  requestOpened(response: ServerResponse): void {
    if (this.open === 0) this.#idle?.delete(this);
    this.open += 1;
    this.lastResponse = response;
  }

  requestClosed(): void {
    this.open -= 1;
    if (this.open > 0) return;
    if (!this.#socket.destroyed) this.#idle?.add(this);
    if (this.#held) {
      this.#held = false;
      this.socket.resume();
    }
  }

  /** Whether the first request is on its way. */
  get isBeginning(): boolean {
    return this.lastResponse === undefined && this.socket.bytesRead > 0;
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

/** An IPv4 address as it is, where IPv6 carries it (RFC 4291, section 2.5.5.2). */
export function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
