// Locks of the profiles in a folder whose models come from a hub: node scripts/locks.mjs [--check] [FOLDER]
//
// Makes those that are missing, by `chorus pull`, which needs the hub and room for the models. With --check none is made, and
// exit code 1 says that one is missing: what is published is made of known files. FOLDER is models by default.

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
  .filter((file) => {
    const { models = [] } = parse(readFileSync(file, 'utf8'));
    return models.some(({ source }) => source !== undefined);
  })
  .filter((file) => !existsSync(file.replace(/\.ya?ml$/, '.lock.json')));

for (const file of missing) {
  if (values.check) {
    console.error(
      `${file} has no lock; make lock writes it where its hub can be reached, then commit it.`,
    );
    process.exitCode = 1;
    continue;
  }
  const chorus = [join(root, 'dist/cli/main.js'), 'pull', file];
  const { status } = spawnSync(process.execPath, chorus, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
