/**
 * When the process stops, and with which exit code.
 *
 * The first SIGTERM or SIGINT drains; the second exits at once. While the models load there is nothing to drain, so the
 * first one exits. SIGHUP reloads; from a terminal it says that the terminal is gone: who started the service there
 * wants it to end, and nohup cannot hold it, since Node takes back that a signal is ignored.
 *
 * An error that nobody caught ends the process as Node would end it, once it is in the log.
 */

import { constants } from 'node:os';
import { isatty } from 'node:tty';

import type { Logger } from '../log/logger.js';
import { exitCodes } from '../start-error.js';
import type { Service } from './service.js';

export type Stoppable = Pick<Service, 'openRequests' | 'reload' | 'stop'>;

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export class Lifecycle {
  #service: Stoppable | undefined;
  #stopping = false;

  constructor(
    private readonly shutdownTimeoutMs: number,
    private readonly logger: Logger,
    private readonly exit: (code: number) => void,
    private readonly hasTerminal = isatty(0) || isatty(1) || isatty(2),
  ) {}

  /** Handles signals from now on; until `serving` is called they exit at once. */
  watch(): void {
    for (const signal of signals) process.on(signal, (name) => void this.received(name));
    process.on('uncaughtException', (error) => {
      this.crashed(error);
    });
  }

  serving(service: Stoppable): void {
    this.#service = service;
  }

  crashed(err: unknown): void {
    this.logger.error({ err }, 'crashed');
    this.exit(exitCodes.failed);
  }

  async received(signal: NodeJS.Signals): Promise<void> {
    const service = this.#service;
    if (signal === 'SIGHUP' && !this.hasTerminal && !this.#stopping) {
      // Tells by itself how it went.
      await service?.reload({}).catch(() => undefined);
      return;
    }
    if (this.#stopping) {
      this.logger.warn({ signal }, 'second signal: exiting without waiting');
      this.exit(128 + constants.signals[signal]);
      return;
    }
    this.#stopping = true;
    if (service === undefined) {
      this.logger.info({ signal }, 'stopped before it was ready');
      this.exit(exitCodes.ok);
      return;
    }
    this.logger.info({ signal, openRequests: service.openRequests }, 'draining');
    const { inTime, unanswered } = await service.stop(this.shutdownTimeoutMs);
    if (inTime) {
      this.logger.info({}, 'stopped');
      this.exit(exitCodes.ok);
    } else {
      this.logger.error({ openRequests: unanswered }, 'forced_shutdown: the time to stop was up');
      this.exit(exitCodes.failed);
    }
  }
}
