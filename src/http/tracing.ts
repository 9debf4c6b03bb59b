/**
 * What traces requests, as the service sees it: one more observer of exchanges.
 */

import type { ExchangeObserver } from './exchanges.js';
import type { SpanCounts } from './trace.js';

export interface Tracing extends ExchangeObserver {
  readonly counts: SpanCounts;
  /** Sends what is left, for at most `timeoutMs`. Never fails. */
  stop(timeoutMs: number): Promise<void>;
}
