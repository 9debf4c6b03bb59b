/**
 * What the log says of a Redis that comes and goes.
 */

import type { RedisTierOptions } from '../cache/redis-tier.js';
import type { Logger } from '../log/logger.js';

/** One that comes and goes does not fill the log. */
const SAID_EVERY_MS = 60_000;

/**
 * Says that Redis is left alone and why, at most once in a minute, and that it is asked again. What is not said at once is
 * said when the minute is over and it is so still: the last word is the state that there is.
 */
export function circuitLog(logger: Logger): NonNullable<RedisTierOptions['onCircuit']> {
  let quietUntil = -Infinity;
  let isTold = false;
  let later: NodeJS.Timeout | undefined;
  const tell = (reason: string) => {
    later = undefined;
    isTold = true;
    quietUntil = performance.now() + SAID_EVERY_MS;
    logger.warn({ reason }, 'Redis fails and is left alone for now; no request fails of it');
  };
  return (state, reason) => {
    if (state === 'open' && !isTold && later === undefined) {
      const wait = quietUntil - performance.now();
      if (wait <= 0) tell(reason);
      else later = setTimeout(tell, wait, reason).unref();
    } else if (state === 'closed') {
      clearTimeout(later);
      later = undefined;
      if (isTold) logger.info({}, 'Redis answers again');
      isTold = false;
    }
  };
}
