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
  const parts = Object.entries({ tokenization, queue, inference, total });
  const entries = parts.map(([name, milliseconds]) => `${name};dur=${milliseconds.toFixed(2)}`);
  context.set(SERVER_TIMING_HEADER, entries.join(', '));
}
