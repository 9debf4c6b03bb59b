/**
 * What a request's trace is to the rest of the service; `tracing/` makes them, where spans are wanted.
 */

import type { CacheUse, Timing } from '../engine/engine.js';

export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Whether its spans are sent, so that there is something to be found by the id. */
  readonly isSampled: boolean;
  /** The engine has answered. Keeps nothing but what is given. */
  answered(use: EngineUse): void;
}

/** What is told of an answer of the engine: counts, names and times, never a text. */
export interface EngineUse {
  /** When it was asked, by `performance.now()`. */
  readonly askedAt: number;
  readonly texts: number;
  readonly models: readonly string[];
  readonly timing: Timing;
  readonly cache: CacheUse | undefined;
}

/** Why a span was not sent: as many as allowed were waiting, or the collector did not take it. */
export type SpanLoss = 'export_failed' | 'queue_full';

export interface SpanCounts {
  readonly exported: number;
  readonly dropped: Readonly<Record<SpanLoss, number>>;
}
