/**
 * What a person sees of a build.
 */

import { SingleBar } from 'cli-progress';

import type { BuildProgress } from '../retrieval/build.js';

/** A bar on a terminal, a line now and then elsewhere. */
export function progressOn(
  stream: NodeJS.WriteStream,
): BuildProgress & { readonly stop: () => void } {
  const note = (line: string) => stream.write(`${line}\n`);
  if (!stream.isTTY) {
    let told = Date.now();
    return {
      embedded(rows, of) {
        if (Date.now() - told < 10_000) return;
        told = Date.now();
        note(`${rows} of ${of} rows embedded`);
      },
      note,
      stop: () => undefined,
    };
  }
  const bar = new SingleBar({
    stream,
    format: 'embedded {bar} {percentage}% of {total}, {eta_formatted} left',
    hideCursor: true,
    barsize: 30,
  });
  let isShown = false;
  return {
    embedded(rows, of) {
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
