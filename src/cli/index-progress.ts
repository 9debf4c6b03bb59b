/**
 * What a person sees of a build, or of rows on their way to a store.
 */

import { SingleBar } from 'cli-progress';

import type { Progress } from '../retrieval/publisher.js';

/** A bar on a terminal, a line now and then elsewhere. `what` is done with rows, such as embedded. */
export function progressOn(
  stream: NodeJS.WriteStream,
  what: string,
): Progress & { readonly stop: () => void } {
  const note = (line: string) => stream.write(`${line}\n`);
  if (!stream.isTTY) {
    let told = Date.now();
    return {
      done(rows, of) {
        if (Date.now() - told < 10_000) return;
        told = Date.now();
        note(`${rows} of ${of} rows ${what}`);
      },
      note,
      stop: () => undefined,
    };
  }
  const bar = new SingleBar({
    stream,
    format: `${what} {bar} {percentage}% of {total}, {eta_formatted} left`,
    hideCursor: true,
    barsize: 30,
  });
  let isShown = false;
  return {
    done(rows, of) {
      if (!isShown) bar.start(of, rows);
      isShown = true;
      bar.update(rows);
    },
    note,
    stop: () => {
      bar.stop();
    },
  };
}
