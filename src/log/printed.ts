/**
 * What libraries and Node print while the service runs becomes lines of its log.
 *
 * node-redis prints what Sentinels do wrong, Node its warnings. Both would write to standard error while everything
 * waits, and a full disk there would end the process.
 */

import { Console } from 'node:console';
import { Writable } from 'node:stream';

import type { Logger } from './logger.js';

/** From now on `console` and the warnings of Node write to `logger`. */
export function logWhatIsPrinted(logger: Logger): void {
  const lines = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      logger.warn({}, text.trimEnd());
      done();
    },
  });
  globalThis.console = new Console(lines);
  // Nobody listens where Node was told not to warn.
  if (process.listenerCount('warning') === 0) return;
  process.removeAllListeners('warning');
  process.on('warning', (err) => {
    logger.warn({ err }, 'warning of Node.js');
  });
}
