// What a run has measured so far, kept in a file, so that one that was cut can go on with --resume.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * The run as it stands: `{key, samples, starts, skipped, done, peaks}`, where `done` has "<round> <target>"
 * of everything measured. With `resume` it is read from
 * `file`, which must be of a run with the same options; `key` are those as text.
 */
export function beginRun(file, key, resume) {
  if (!resume) return { key, samples: [], starts: [], skipped: [], done: [], peaks: null };
  if (!existsSync(file)) throw new Error('there is no run to resume');
  const run = JSON.parse(readFileSync(file, 'utf8'));
  if (run.key !== key) throw new Error(`the run to resume has other options: ${run.key}`);
  // What was left out is tried again.
  const leftOut = new Set(run.skipped.map(({ target }) => target));
  const done = run.done.filter((place) => !leftOut.has(place.split(' ')[1]));
  return { ...run, done, skipped: [] };
}

export function saveRun(file, run) {
  writeFileSync(file, JSON.stringify(run));
}
