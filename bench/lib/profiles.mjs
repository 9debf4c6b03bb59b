// Profiles of a bench's own, of models that lie in a folder.

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { stringify } from 'yaml';

/** The checkpoints in `folder`, as models of a profile: `{name, path}` by the names of their folders. */
export function modelsIn(folder) {
  return readdirSync(folder)
    .map((name) => ({ name, path: join(folder, name) }))
    .filter(({ path }) => existsSync(join(path, 'config.json')));
}

/** Writes a profile into `folder`, named as it is; gives the file. */
export function writeProfile(folder, profile) {
  const file = join(folder, `${profile.name}.yaml`);
  writeFileSync(file, stringify(profile));
  return file;
}
