// Where things are: the project, the optional shared data beside it, and what the benches keep.
//
// Everything is derived from this file's own place, so that scripts work from any working directory.
// The shared data is never required: whoever asks for it handles its absence.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BENCH = dirname(dirname(fileURLToPath(import.meta.url)));
export const ROOT = dirname(BENCH);
/** Tools that the benches install for themselves; ignored by git. */
export const TOOLS = join(BENCH, '.bin');

/** A path below `../shared/data`, or null where it is not there. */
export function sharedData(...parts) {
  const path = join(ROOT, '..', 'shared', 'data', ...parts);
  return existsSync(path) ? path : null;
}

/** Where `make synthetic` puts its checkpoints, and the peer its graphs: outside the repository. */
export function syntheticDir() {
  return resolve(ROOT, process.env.CHORUS_SYNTHETIC_DIR ?? '../chorus-synthetic');
}
