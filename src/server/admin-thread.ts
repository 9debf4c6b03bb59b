/**
 * The admin listener as the service's thread sees it: started, told how things are, stopped.
 *
 * Why a thread? A kubelet restarts what does not answer, and the event loop that parses JSON, 50 MB of it a second
 * under large texts, is late by most of a second. Probes must not depend on it, but for whether it turns at all.
 */

import { Worker } from 'node:worker_threads';

import { StartError } from '../start-error.js';
import { ServiceError } from '../errors/service-error.js';
import type { AdminOrders, Answered, FromAdmin, Page, Question } from './admin-messages.js';
import type { Address } from './listen.js';
import type { Phase, Vitals } from './readiness.js';
import { SharedState } from './shared-state.js';

/** How often the thread is told; a quarter of a second is what a probe may be behind. */
const HEARTBEAT_MS = 250;

export interface AdminThreadParts {
  readonly address: Address;
  readonly answer: (question: Question) => Promise<Page>;
  readonly phase: () => Phase;
  /** The engine's figures; `undefined` while it loads. */
  readonly stats: () => Vitals | undefined;
  /** The thread has ended, and with it the listener. */
  readonly failed: (error: Error) => void;
}

export class AdminThread {
  readonly #state = new SharedState();
  readonly #worker: Worker;
  readonly #heartbeat: NodeJS.Timeout;
  #vitals: Vitals | undefined;
  #isFrozen = false;

  constructor(private readonly parts: AdminThreadParts) {
    const { address } = parts;
    this.publish();
    const workerData: AdminOrders = { address, memory: this.#state.memory };
    this.#worker = new Worker(new URL('admin-worker.js', import.meta.url), { workerData });
    this.#heartbeat = setInterval(() => {
      this.publish();
    }, HEARTBEAT_MS).unref();
  }

  /**
   * Resolves with the port.
   *
   * @throws {StartError} when it is taken.
   */
  async listening(): Promise<number> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#worker.on('message', (message: FromAdmin) => {
        if (message.kind === 'listening') resolve(message.port);
        else if (message.kind === 'failed') reject(new StartError(message.lines));
        else void this.#answer(message.id, message.question);
      });
      this.#worker.once('error', reject);
    });
    this.#worker.on('error', this.parts.failed);
    return port;
  }

  /** Tells the thread how things are now: at once where they change, and all the time that the loop turns. */
  publish(): void {
    if (!this.#isFrozen) this.#vitals = this.parts.stats();
    this.#state.publish(this.parts.phase(), this.#vitals);
  }

  /** The figures that were published last stay: to be called before the engine closes and has none any more. */
  freeze(): void {
    this.#isFrozen = true;
  }

  async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    await this.#worker.terminate();
  }

  async #answer(id: number, question: Question): Promise<void> {
    const answered = await this.parts.answer(question).then(
      (page): Answered => ({ id, page }),
      (thrown: unknown): Answered => {
        const { code, publicDetail: detail } = ServiceError.from(thrown);
        return { id, failure: { code, detail } };
      },
    );
    this.#worker.postMessage(answered);
  }
}
