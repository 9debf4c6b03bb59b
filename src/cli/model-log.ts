/**
 * What is written into the log of models that are loaded when they are asked for.
 */

import type { ModelEvent } from '../engine/engine.js';
import type { Logger } from '../log/logger.js';

/** A line for each of them that comes, that goes, or that cannot come. */
export function modelLog(logger: Logger): (event: ModelEvent) => void {
  return (event) => {
    const { model } = event;
    switch (event.what) {
      case 'evicted':
        logger.info({ model }, 'model evicted: its memory is wanted by another');
        break;
      case 'failed': {
        const { error: detail, retryAfterMs } = event;
        logger.error({ model, detail, retryAfterMs }, 'model could not be loaded');
        break;
      }
      case 'loaded':
        logger.info({ model, durationMs: Math.round(event.seconds * 1000) }, 'model loaded');
    }
  };
}
