// Locks of the profiles in a folder whose models come from a hub: node scripts/locks.mjs [--check] [FOLDER]
//
// Makes those that are missing, or lack a model, by `chorus pull`, which needs the hub and room for the models. With --check none
// is made, and exit code 1 says that one is missing: what is published is made of known files. A lock that the service would
// refuse is told in both cases, and left alone. FOLDER is models by default. Needs the built service, whose reading of a lock this is.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { hasOwnFolder, requireSameSource } from '../dist/hub/installed.js';
import { lockFileOf, readLock } from '../dist/hub/lock.js';
import { readProfile } from '../dist/profile/read.js';
import { StartError } from '../dist/start-error.js';

const root = join(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  options: { check: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [folder = join(root, 'models')] = positionals;

/** Whether every model that comes from a hub is in the lock; throws a StartError where one is there as another. */
function isLocked(file) {
  const profile = readProfile(file);
  const lock = readLock(lockFileOf(file));
  const sourced = profile.models.filter((model) => model.source && !hasOwnFolder(model));
  const found = sourced.filter(({ name }) => name in lock.models);
  for (const model of found) requireSameSource(model, lock.models[model.name], profile);
  return found.length === sourced.length;
}

function pull(file) {
  const chorus = [join(root, 'dist/cli/main.js'), 'pull', file];
  const { status } = spawnSync(process.execPath, chorus, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

for (const name of readdirSync(folder).filter((name) => /\.ya?ml$/.test(name))) {
  const file = join(folder, name);
  try {
    if (isLocked(file)) continue;
    if (!values.check) pull(file);
    else {
      throw new StartError([
        `${file} has no lock of all its models; make lock writes it where its hub can be reached, then commit it.`,
      ]);
    }
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(error.lines.join('\n'));
    process.exitCode = 1;
  }
}
