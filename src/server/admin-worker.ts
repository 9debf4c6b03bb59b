/**
 * The admin listener's own thread: answers probes from shared memory, and asks the service's thread for metrics.
 *
 * Started by `admin-thread.ts`; imports nothing of the engine.
 */

import { parentPort, workerData } from 'node:worker_threads';

import { ServiceError } from '../errors/service-error.js';
import { StartError } from '../start-error.js';
import type { AdminOrders, FromAdmin, Scraped } from './admin-messages.js';
import { createAdminServer } from './admin-server.js';
import { listen } from './listen.js';
import { SharedState } from './shared-state.js';

/** Less than the ten seconds that Prometheus waits. */
const SCRAPE_TIMEOUT_MS = 8000;

const { address, contentType, memory } = workerData as AdminOrders;
const state = new SharedState(memory);
const waiting = new Map<number, (text: string | undefined) => void>();
let lastId = 0;

parentPort?.on('message', ({ id, text }: Scraped) => {
  waiting.get(id)?.(text);
});

const server = createAdminServer({
  contentType,
  scrape,
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

async function scrape(): Promise<string> {
  const id = (lastId += 1);
  const text = await new Promise<string | undefined>((resolve) => {
    const timeout = setTimeout(resolve, SCRAPE_TIMEOUT_MS, undefined);
    waiting.set(id, (scraped) => {
      clearTimeout(timeout);
      resolve(scraped);
    });
    tell({ kind: 'scrape', id });
  });
  waiting.delete(id);
  if (text === undefined) {
    throw new ServiceError('stalled', 'The service gave no metrics in time.');
  }
  return text;
}

function tell(message: FromAdmin): void {
  parentPort?.postMessage(message);
}
