/**
 * Clients on a thread of their own that open a connection for every request, as those without keep-alive do.
 *
 * On another thread, since they must go on connecting while the service's does something else: what the
 * kernel has completed and nobody has accepted yet is what a stop can lose.
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import { received } from './raw-socket.js';

export interface Outcome {
  readonly answered: number;
  /** Connections that nobody took: the service is known to be gone. */
  readonly refused: number;
  /**
   * Connections that were there and ended without an answer, so that the client does not know what became of it: when
   * each was found to stand, by `now`.
   */
  readonly lost: readonly number[];
}

/** Milliseconds of a clock that all threads share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

interface Orders {
  readonly port: number;
  readonly clients: number;
  /** Whether each asks once only; otherwise until it is told to stop, or refused. */
  readonly single: boolean;
  /** The authority, in PEM, where connections are encrypted. */
  readonly ca: string | undefined;
  readonly shared: SharedArrayBuffer;
}

const REQUEST =
  'POST /process HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"a"';

/** Places in `Orders.shared`. */
const CONNECTED = 0;
const ANSWERED = 1;
const STOPPED = 2;

export class Clients {
  readonly #shared: Int32Array;
  readonly #outcome: Promise<[Outcome]>;

  private constructor(worker: Worker, shared: Int32Array) {
    this.#shared = shared;
    this.#outcome = once(worker, 'message') as Promise<[Outcome]>;
  }

  /** Resolves when the thread runs. */
  static async start(
    port: number,
    clients: number,
    { single = false, ca }: { single?: boolean; ca?: string } = {},
  ): Promise<Clients> {
    const shared = new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);
    const orders: Orders = { port, clients, single, ca, shared };
    const worker = new Worker(new URL(import.meta.url), { workerData: orders });
    await once(worker, 'online');
    return new Clients(worker, new Int32Array(shared));
  }

  get answered(): number {
    return Atomics.load(this.#shared, ANSWERED);
  }

  /** Blocks this thread, so that it accepts nothing, until as many connections stand. */
  blockUntilConnected(count: number): void {
    for (;;) {
      const connected = Atomics.load(this.#shared, CONNECTED);
      if (connected >= count) return;
      const woken = Atomics.wait(this.#shared, CONNECTED, connected, 10_000);
      if (woken === 'timed-out')
        throw new Error(`Only ${connected} of ${count} connections stand.`);
    }
  }

  /** No new connections; resolves when those that stand have ended. */
  async stop(): Promise<Outcome> {
    Atomics.store(this.#shared, STOPPED, 1);
    return this.outcome();
  }

  async outcome(): Promise<Outcome> {
    const [outcome] = await this.#outcome;
    return outcome;
  }
}

/** The clients' own side. */
async function play({ port, clients, single, ca, shared }: Orders): Promise<Outcome> {
  const counts = new Int32Array(shared);
  const outcome = { answered: 0, refused: 0, lost: [] as number[] };
  const client = async () => {
    do {
      const connection: { stoodAt?: number } = {};
      const to = { port, host: '127.0.0.1' };
      const socket = ca === undefined ? connect(to) : connectSecurely({ ...to, ca });
      socket.once('connect', () => {
        connection.stoodAt = now();
        Atomics.add(counts, CONNECTED, 1);
        Atomics.notify(counts, CONNECTED);
      });
      socket.write(REQUEST);
      const answer = await received(socket);
      if (answer.startsWith('HTTP/1.1 200') && answer.endsWith('}')) {
        outcome.answered += 1;
        Atomics.add(counts, ANSWERED, 1);
      } else if (connection.stoodAt !== undefined) {
        outcome.lost.push(connection.stoodAt);
      } else {
        outcome.refused += 1;
        return;
      }
    } while (!single && Atomics.load(counts, STOPPED) === 0);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return outcome;
}

if (!isMainThread) parentPort?.postMessage(await play(workerData as Orders));
