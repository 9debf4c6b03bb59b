/**
 * A steady load while something is done to what answers it.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { demand } from './steps.mjs';

const SCRIPT = join(import.meta.dirname, '../steady-load.js');
/** Requests per second: little enough for two busy cores. */
const RATE = 50;

/**
 * Asks `target` with `body` at a steady rate for `seconds`, in which `work` must be done; no request may be lost, and
 * every answer must be the first one. Resolves with what k6 saw.
 */
export async function underLoad({ target, body, seconds }, work) {
  const first = await fetch(target, { method: 'POST', body });
  const expected = await first.text();
  demand(first.status === 200, `${target}: ${first.status} ${expected}`);
  const env = { TARGET: target, BODY: body, EXPECTED: expected, RATE, SECONDS: seconds };
  const load = promisify(execFile)(
    process.env.K6,
    ['run', '--quiet', '--no-usage-report', SCRIPT],
    { env: { ...process.env, ...env }, timeout: (seconds + 60) * 1000 },
  );
  const start = performance.now();
  const timed = async () => {
    await work();
    return (performance.now() - start) / 1000;
  };
  const [took, { stdout }] = await Promise.all([timed(), load]).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout ?? ''}`);
  });
  demand(took < seconds, `the load ended ${(took - seconds).toFixed(1)} s before the work did`);
  return stdout.trim();
}
