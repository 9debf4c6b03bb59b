/**
 * A kubelet that asks all the while: how long /livez and /readyz took during a fault.
 *
 * On a thread of its own, since the one that makes the fault is busy with it; a connection for each question, as the
 * kubelet has.
 */

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const PATHS = ['/livez', '/readyz'];
const PAUSE_MS = 10;

export interface ProbeTimes {
  readonly asked: number;
  readonly p99Ms: number;
}

/** Asks the port of probes until it is stopped. */
export async function watchProbes(adminPort: number): Promise<() => Promise<ProbeTimes>> {
  const worker = new Worker(new URL(import.meta.url), { workerData: adminPort });
  await once(worker, 'online');
  return async () => {
    worker.postMessage('stop');
    const [times] = (await once(worker, 'message')) as [number[]];
    await worker.terminate();
    times.sort((a, b) => a - b);
    return { asked: times.length, p99Ms: times[Math.floor(times.length * 0.99)] ?? 0 };
  };
}

async function ask(adminPort: number): Promise<void> {
  const state = { stopped: false };
  parentPort?.once('message', () => (state.stopped = true));
  const times: number[] = [];
  while (!state.stopped) {
    for (const path of PATHS) {
      const begin = performance.now();
      // What it says is for the rows; no answer at all counts with the time until it was clear.
      await fetch(`http://127.0.0.1:${adminPort}${path}`, { headers: { connection: 'close' } })
        .then((response) => response.text())
        .catch(() => undefined);
      times.push(performance.now() - begin);
    }
    await sleep(PAUSE_MS);
  }
  parentPort?.postMessage(times);
}

if (!isMainThread && typeof workerData === 'number') await ask(workerData);
