/**
 * How a listener ends without losing a client.
 *
 * A connection that the kernel has completed counts as one for its client, who may have sent a request
 * already, while Node has not accepted it yet. Closing the listener resets it. So what is there is accepted
 * first; what arrives after that is for a load balancer to keep away (`--drain-delay`).
 */

import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

/** As many connections as wait at most: the length of the queue that Node asks the kernel for. */
const BACKLOG = 511;

/** A turn that looks for connections, finds none and serves nobody takes a hundredth of it. */
const QUIET_TURN_MS = 0.1;

/**
 * Accepts what waits, then stops listening; resolves when every connection has ended, at the latest after
 * `lastRequestsMs`.
 *
 * Not by `server.close()`, which cuts idle connections at once: a request that is on its way on one of
 * them would be lost, and a client must not repeat a POST by itself.
 */
export async function drain(server: Server, lastRequestsMs: number): Promise<void> {
  await acceptWaiting(server);
  // At once: whoever connects between the last look and this is reset.
  const ended = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
  const timeout = new AbortController();
  await Promise.race([ended, sleep(lastRequestsMs, undefined, { signal: timeout.signal })]);
  timeout.abort();
}

/**
 * Resolves when a turn of the event loop brought no connection, in the phase after it looked for some, and was
 * over before one could come.
 *
 * A turn may accept one connection only (libuv 1.45 and newer). Those that still come while others are
 * accepted stand behind as many as were there, so the turns are bounded.
 */
async function acceptWaiting(server: Server): Promise<void> {
  let accepted = 0;
  const note = () => (accepted += 1);
  server.on('connection', note).on('drop', note);
  // The rest of this turn: it may have looked before we did.
  await setImmediate();
  for (let turn = 0; turn <= BACKLOG; turn += 1) {
    const [before, start] = [accepted, performance.now()];
    await setImmediate();
    if (accepted === before && performance.now() - start < QUIET_TURN_MS) break;
  }
}
