/**
 * Whether a request that looks in an index would wait too long, for the models and for the searches before it.
 */

import type { Engine, Hurry } from '../engine/engine.js';
import type { ServiceError } from '../errors/service-error.js';
import type { ServedIndex } from '../retrieval/served-index.js';

/**
 * Why a request for so many texts is refused that came `waitedMs` ago; `undefined` where it is not, or no search is before
 * it: then the engine alone decides, as of other requests.
 *
 * The engine knows how long is waited, so it decides here, too: the search is told as time that is waited besides. What
 * the request's own search takes is time that it has not.
 */
export function searchRefusal(
  engine: Pick<Engine, 'refusal'>,
  index: Pick<ServedIndex, 'outlook'>,
  texts: number,
  { deadlineMs, priority }: Hurry,
  waitedMs = 0,
): ServiceError | undefined {
  const { waitMs, serviceMs } = index.outlook(texts);
  if (waitMs === 0) return undefined;
  // 0 is no deadline.
  const left = deadlineMs === 0 ? 0 : Math.max(1, deadlineMs - serviceMs);
  return engine.refusal({ deadlineMs: left, priority }, waitedMs + waitMs);
}
