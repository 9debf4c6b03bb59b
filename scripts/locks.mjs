// Locks of the profiles in a folder whose models come from a hub: node scripts/locks.mjs [--check] [FOLDER]
//
// Makes those that are missing, or lack a model, by `chorus pull`, which needs the hub and room for the models. With --check none
// is made, and exit code 1 says that one is missing: what is published is made of known files. FOLDER is models by default.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { parse } from 'yaml';

const root = join(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  options: { check: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [folder = join(root, 'models')] = positionals;

const missing = readdirSync(folder)
  .filter((name) => /\.ya?ml$/.test(name))
  .map((name) => join(folder, name))
  .filter((file) => !isLocked(file));

/** Whether every model that comes from a hub is in the lock as the profile names it. */
function isLocked(file) {
  const { models = [] } = parse(readFileSync(file, 'utf8'));
  const sourced = models.filter(({ source }) => source !== undefined);
  const lock = file.replace(/\.ya?ml$/, '.lock.json');
  const locked = existsSync(lock) ? JSON.parse(readFileSync(lock, 'utf8')).models : {};
  return sourced.every(({ name, source: { repo, revision = '' } }) => {
    const known = locked[name];
    // A branch has no commit of its own.
    const isCommit = /^[0-9a-f]{7,40}$/.test(revision);
    return known?.repo === repo && (!isCommit || known.revision.startsWith(revision));
  });
}

for (const file of missing) {
  if (values.check) {
    console.error(
      `${file} has no lock of all its models; make lock writes it where its hub can be reached, then commit it.`,
    );
    process.exitCode = 1;
    continue;
  }
  const chorus = [join(root, 'dist/cli/main.js'), 'pull', file];
  const { status } = spawnSync(process.execPath, chorus, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
