// Runs `bench/load.js` in k6 and gives its figures.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { spawnOwned } from './children.mjs';
import { BENCH } from './paths.mjs';

/** The path of k6, built on first use. */
export function k6() {
  const stdio = ['ignore', 'pipe', 'inherit'];
  return execFileSync(join(BENCH, 'tools', 'k6.sh'), { encoding: 'utf8', stdio }).trim();
}

export function k6Version() {
  return /v[\d.]+/.exec(execFileSync(k6(), ['version'], { encoding: 'utf8' }))[0];
}

/** One closed loop; `load` has `url`, `texts`, `connections`, `duration`, `offset` and `models`. */
export async function runLoad(load, folder) {
  const summary = join(folder, 'summary.json');
  rmSync(summary, { force: true });
  const environment = {
    TARGET: load.url,
    TEXTS: load.texts,
    VUS: String(load.connections),
    DURATION: load.duration,
    OFFSET: String(load.offset),
    MODELS: load.models.join(),
    SUMMARY: summary,
  };
  const args = [
    'run',
    '--quiet',
    '--no-usage-report',
    '--no-color',
    '--address',
    '',
    '--log-output',
    'stderr',
  ];
  const child = spawnOwned(k6(), [...args, join(BENCH, 'load.js')], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`k6 ended with ${code}`);
  return JSON.parse(readFileSync(summary, 'utf8'));
}
