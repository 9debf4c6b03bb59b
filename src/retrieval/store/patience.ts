/**
 * Waiting for a store whose nodes hear of things one after the other, and are started again now and then.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { StartError } from '../../start-error.js';
import { StoreTrouble } from './nodes.js';

/** A node that is started again takes some seconds. */
const PATIENCE_MS = 30_000;
const TRY_AGAIN_MS = 500;
const ASK_AGAIN_MS = 20;

/** Tries again where no node answers; `ask` must do no harm when it is done twice. */
export async function persistently<T>(ask: () => Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StoreTrouble) || performance.now() > end) throw error;
    }
    await sleep(TRY_AGAIN_MS);
  }
}

/**
 * Resolves once `ask` gives true. Of nodes that do not answer, `persistently` around it knows.
 *
 * @throws {StartError} saying `otherwise` when it has not in time.
 */
export async function until(
  ask: () => Promise<boolean>,
  otherwise: () => string,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await ask())) {
    if (performance.now() > end) throw new StartError([`${otherwise()}.`]);
    await sleep(ASK_AGAIN_MS);
  }
}
