// What an image serves out of a hub's cache, as a layer that is the same to the bit whenever its files are:
//
//   node baked.mjs LOCK CACHE DESTINATION
//
// Only the files that the lock names, without those that others were converted from, laid out as they are in the cache.
// Times are those of 1970 and modes what anybody may read, so that a layer changes when a model does and with nothing else.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

const [lockFile, cache, destination, ...rest] = process.argv.slice(2);
if (destination === undefined || rest.length > 0) {
  console.error('usage: node baked.mjs LOCK CACHE DESTINATION');
  process.exit(2);
}

mkdirSync(destination, { recursive: true });
// A profile without models of a hub has no lock.
const { models } = existsSync(lockFile)
  ? JSON.parse(readFileSync(lockFile, 'utf8'))
  : { models: {} };
for (const { repo, files } of Object.values(models)) {
  const sources = new Set(files.map((file) => file.converted_from));
  const folder = `models--${repo.replaceAll('/', '--')}`;
  for (const { commit, path } of files) {
    if (!sources.has(path)) bake(join(folder, 'snapshots', commit, path));
  }
}
settle(destination);

/** Copies a file, and where it is a link what it points to inside the cache. */
function bake(path) {
  const [from, to] = [join(cache, path), join(destination, path)];
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  if (!lstatSync(from).isSymbolicLink()) {
    copyFileSync(from, to);
    return;
  }
  symlinkSync(readlinkSync(from), to);
  bake(relative(cache, join(dirname(from), readlinkSync(from))));
}

/** Gives what is there its time and mode, a folder after what is in it. */
function settle(path) {
  const found = lstatSync(path);
  if (found.isDirectory()) for (const name of readdirSync(path)) settle(join(path, name));
  if (!found.isSymbolicLink()) chmodSync(path, found.isDirectory() ? 0o755 : 0o644);
  lutimesSync(path, 0, 0);
}
