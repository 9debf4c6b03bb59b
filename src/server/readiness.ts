/**
 * Whether requests should come here and, if not, why: what the probes and `/health` answer.
 */

import type { EngineStats } from '../engine/engine.js';
import { ServiceError } from '../errors/service-error.js';

export const phases = ['starting', 'ready', 'draining'] as const;

export type Phase = (typeof phases)[number];

/** What of the engine's figures says whether it lives. */
export type Vitals = Pick<EngineStats, 'broken' | 'pendingTexts' | 'secondsSinceProgress'>;

/** Why requests should not come here; `undefined` where they should. `stats`: none while the engine loads. */
export function notReady(phase: Phase, stats: Vitals | undefined): ServiceError | undefined {
  switch (phase) {
    case 'starting':
      return new ServiceError('not_ready', 'The models are being loaded.');
    case 'draining':
      return new ServiceError('draining', 'No new requests should come here.');
    case 'ready':
      return failed(stats);
  }
}

/** That the engine has failed for good, if it has. */
export function failed(stats: Vitals | undefined): ServiceError | undefined {
  if (stats?.broken !== true) return undefined;
  return new ServiceError('stalled', 'The engine has failed and answers nothing.');
}
