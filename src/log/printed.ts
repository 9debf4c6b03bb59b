/**
 * What libraries and Node print: while the service runs it becomes lines of its log.
 *
 * node-redis prints what Sentinels do wrong, Node its warnings. Both would write to standard error while everything
 * waits, and a full disk there would end the process.
 */

import { Console } from 'node:console';
import { Writable } from 'node:stream';

import type { Logger } from './logger.js';

/** The same line is written once in this time: what cannot be reached is tried again and again. */
const SAID_EVERY_MS = 60_000;
/** Different lines that are remembered. */
const MOST_LINES = 100;

/** From now on `console` and the warnings of Node write to `logger`. */
export function logWhatIsPrinted(logger: Logger): void {
  tellWhatIsPrinted((line) => {
    logger.warn({}, line);
  });
  // Nobody listens where Node was told not to warn.
  if (process.listenerCount('warning') === 0) return;
  process.removeAllListeners('warning');
  process.on('warning', (err) => {
    logger.warn({ err }, 'warning of Node.js');
  });
}

/**
 * From now on `tell` is given what `console` prints: the first line of it, for those behind it are a stack with paths of
 * this machine.
 */
export function tellWhatIsPrinted(tell: (line: string) => void): void {
  const saidAt = new Map<string, number>();
  const lines = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      const [line = ''] = text.trim().split('\n');
      const now = performance.now();
      if (now - (saidAt.get(line) ?? -Infinity) >= SAID_EVERY_MS) {
        if (saidAt.size >= MOST_LINES) saidAt.clear();
        saidAt.set(line, now);
        tell(line);
      }
      done();
    },
  });
  globalThis.console = new Console(lines);
}
