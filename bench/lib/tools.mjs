// The programs that benches run: the machine's, or what a script of `tools/` fetches or builds on first use.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { BENCH } from './paths.mjs';

/** The path that `script` prints; what it tells meanwhile is shown. */
export function toolPath(script, ...args) {
  const stdio = ['ignore', 'pipe', 'inherit'];
  return execFileSync(join(BENCH, 'tools', script), args, { encoding: 'utf8', stdio }).trim();
}
