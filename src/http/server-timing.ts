/**
 * Tells a client where the time of its request went, in the standard `Server-Timing` header
 * (https://www.w3.org/TR/server-timing/): what `curl -i` and a browser's developer tools show.
 */

import type { Context } from 'koa';

import type { Timing } from '../engine/engine.js';
import type { Exchange } from './exchange.js';

export const SERVER_TIMING_HEADER = 'server-timing';

/** `total` counts from the request's header to now, in milliseconds like the engine's parts. */
export function setServerTiming(context: Context, timing: Timing, exchange: Exchange): void {
  const { tokenization, queue, inference } = timing;
  const total = performance.now() - exchange.startedAt;
  context.set(
    SERVER_TIMING_HEADER,
    `tokenization;dur=${tokenization.toFixed(2)}, queue;dur=${queue.toFixed(2)}, ` +
      `inference;dur=${inference.toFixed(2)}, total;dur=${total.toFixed(2)}`,
  );
}
