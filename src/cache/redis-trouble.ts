/**
 * What keeps Redis from answering, in words for those who run it: the reason of a log line and of a command that fails.
 *
 * What a command ends with often is that there is no connection, or nothing at all; why is among what node-redis tells of
 * its attempts to connect.
 */

import {
  ClientClosedError,
  ClientOfflineError,
  ConnectionTimeoutError,
  DisconnectsClientError,
  ErrorReply,
  SocketClosedUnexpectedlyError,
  SocketTimeoutError,
} from '@redis/client';

import { CONNECT_MS, SILENCE_MS } from './redis-limits.js';
import { WrongAnswer } from './redis-connection.js';

/** Nobody has said anything in this time, in milliseconds. */
export class NoAnswer extends Error {
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds / 1000} s`);
  }
}

/** What node-redis ends commands with where it has no connection, and says no more. */
const NOT_CONNECTED = [ClientClosedError, ClientOfflineError, DisconnectsClientError];

/** What went wrong last with a connection, and with each node of a cluster, since it has answered. */
export class Trouble {
  #last = '';
  readonly #ofNodes = new Map<string, string>();

  get last(): string {
    return this.#last;
  }

  /** `node`: whom it went wrong with, such as `host:port`, where that may be one of several. */
  note(error: unknown, node?: string): void {
    const reason = reasonOf(error);
    this.#last = node === undefined ? reason : `${node}: ${reason}`;
    if (node !== undefined) this.#ofNodes.set(node, reason);
  }

  /** It has answered. */
  over(): void {
    this.#last = '';
    this.#ofNodes.clear();
  }

  /** Why `error` came of asking: what Redis has said itself, or else what is wrong with the connection. */
  why(error: unknown): string {
    return isSaid(error) || this.#last === '' ? reasonOf(error) : this.#last;
  }

  /** The same, of one node of a cluster, with its name. */
  whyOf(node: string, error: unknown): string {
    const known = isSaid(error) ? undefined : this.#ofNodes.get(node);
    return `${node}: ${known ?? reasonOf(error)}`;
  }

  /** The error to fail with where `error` came of asking, and `milliseconds` were given. */
  errorOf(error: unknown, milliseconds: number): Error {
    const isUnknown = this.#last === '' && isSilent(error);
    return isUnknown ? new NoAnswer(milliseconds) : new Error(this.why(error));
  }
}

/** Whether Redis itself said so. */
function isSaid(error: unknown): boolean {
  return error instanceof ErrorReply || error instanceof WrongAnswer;
}

function isSilent(error: unknown): boolean {
  return error instanceof NoAnswer || NOT_CONNECTED.some((kind) => error instanceof kind);
}

/** What `error` says, in words of ours where node-redis's are about itself. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  if (error instanceof SocketTimeoutError) return new NoAnswer(SILENCE_MS).message;
  if (error instanceof ConnectionTimeoutError) return `no connection within ${CONNECT_MS / 1000} s`;
  if (error instanceof SocketClosedUnexpectedlyError) return 'the connection was closed';
  if (isSilent(error) && !(error instanceof NoAnswer)) return 'not connected';
  return (error as Error).message || String(error);
}
