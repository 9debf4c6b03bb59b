/**
 * The version of the package, as package.json has it, and the commit that it was built of.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { REVISION_VARIABLE } from '../config/load.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A start does not wait longer for a program that only knows a name. */
const GIT_MS = 2000;

export const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
};

/** What the image says; in a clone the commit that is checked out, whatever was edited since; else `unknown`. */
export function revisionOf(
  environment: Readonly<Record<string, string | undefined>>,
  root = ROOT,
): string {
  const said = environment[REVISION_VARIABLE];
  if (said !== undefined && said !== '') return said;
  // Left to look for itself, git takes one above, or what its variables name: another project's commit.
  const repository = join(root, '.git');
  if (!existsSync(repository)) return 'unknown';
  const { status, stdout } = spawnSync('git', ['--git-dir', repository, 'rev-parse', 'HEAD'], {
    encoding: 'utf8',
    timeout: GIT_MS,
  });
  return status === 0 ? stdout.trim() : 'unknown';
}
