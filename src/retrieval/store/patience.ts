/**
 * Waiting for a store whose nodes hear of things one after the other, and are started again now and then.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { StartError } from '../../start-error.js';
import { StoreTrouble } from './nodes.js';

/** A node that is started again takes some seconds. */
export const PATIENCE_MS = 30_000;
const TRY_AGAIN_MS = 500;
const ASK_AGAIN_MS = 20;
/** What takes longer may wait for a node that does not answer: so often it is looked whether a person is to be told. */
const TELL_AFTER_MS = 1200;

export interface Patience {
  readonly ms: number;
  /** Is called now and then while nothing comes. */
  readonly onWait: () => void;
}

/**
 * Tries again where no node answers; `ask` must do no harm when it is done twice.
 *
 * @throws {StoreTrouble} that of the last try.
 */
export async function persistently<T>(ask: () => Promise<T>, { ms, onWait }: Patience): Promise<T> {
  const end = performance.now() + ms;
  const telling = setInterval(onWait, TELL_AFTER_MS);
  try {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof StoreTrouble) || performance.now() > end) throw error;
      }
      await sleep(TRY_AGAIN_MS);
    }
  } finally {
    clearInterval(telling);
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
