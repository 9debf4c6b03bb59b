/**
 * The admin listener's own thread: answers probes from shared memory, and asks the service's thread for the rest.
 *
 * Started by `admin-thread.ts`; imports nothing of the engine.
 */

import { parentPort, workerData } from 'node:worker_threads';

import { ServiceError } from '../errors/service-error.js';
import { StartError } from '../start-error.js';
import type { AdminOrders, Answered, FromAdmin, Page, Question } from './admin-messages.js';
import { createAdminServer } from './admin-server.js';
import { listen } from './listen.js';
import { SharedState } from './shared-state.js';

/** Less than the ten seconds that Prometheus waits. */
const SCRAPE_TIMEOUT_MS = 8000;

/** Large models take minutes to load. */
const RELOAD_TIMEOUT_MS = 3_600_000;

/** Fewer than there may be connections: the others are for probes, which ask nothing of the service's thread. */
const MAX_QUESTIONS = 16;

const { address, memory } = workerData as AdminOrders;
const state = new SharedState(memory);
const waiting = new Map<number, (answered: Answered) => void>();
let lastId = 0;

parentPort?.on('message', (answered: Answered) => {
  waiting.get(answered.id)?.(answered);
});

const server = createAdminServer({
  ask,
  phase: () => state.phase(),
  stats: () => state.vitals(),
  secondsSinceHeartbeat: () => state.secondsSinceHeartbeat(),
});

try {
  tell({ kind: 'listening', port: await listen(server, address) });
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  tell({ kind: 'failed', lines: error.lines });
}

/** @throws {ServiceError} what the service's thread has thrown, that it did not answer in time, or is asked too much. */
async function ask(question: Question): Promise<Page> {
  if (waiting.size >= MAX_QUESTIONS) {
    const detail = `Already ${MAX_QUESTIONS} others wait for metrics, figures or a reload.`;
    throw new ServiceError('too_many_open_requests', detail);
  }
  const timeoutMs = question.what === 'reload' ? RELOAD_TIMEOUT_MS : SCRAPE_TIMEOUT_MS;
  const id = (lastId += 1);
  const answered = await new Promise<Answered | undefined>((resolve) => {
    const timeout = setTimeout(resolve, timeoutMs, undefined);
    waiting.set(id, (answered) => {
      clearTimeout(timeout);
      resolve(answered);
    });
    tell({ kind: 'asked', id, question });
  });
  waiting.delete(id);
  const { page, failure } = answered ?? {};
  if (failure !== undefined) throw new ServiceError(failure.code, failure.detail);
  if (page === undefined) throw new ServiceError('stalled', 'The service did not answer in time.');
  return page;
}

function tell(message: FromAdmin): void {
  parentPort?.postMessage(message);
}
