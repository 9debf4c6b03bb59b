// Runs scripts in k6, `bench/load.js` above all, and gives their figures.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { spawnOwned } from './children.mjs';
import { BENCH } from './paths.mjs';
import { toolPath } from './tools.mjs';

/** The path of k6, built on first use. */
export function k6() {
  return toolPath('k6.sh');
}

export function k6Version() {
  return /v[\d.]+/.exec(execFileSync(k6(), ['version'], { encoding: 'utf8' }))[0];
}

/** One closed loop; `load` has `url`, `texts`, `connections`, `duration`, `offset` and `models`. */
export async function runLoad(load, folder) {
  const environment = {
    TARGET: load.url,
    TEXTS: load.texts,
    VUS: String(load.connections),
    DURATION: load.duration,
    OFFSET: String(load.offset),
    MODELS: load.models.join(),
  };
  return runForFigures(join(BENCH, 'load.js'), environment, folder);
}

/** Runs a script whose handleSummary is k6-common's `summarize`, and gives the figures. */
export async function runForFigures(script, environment, folder) {
  const summary = join(folder, 'summary.json');
  rmSync(summary, { force: true });
  const code = await runScript(script, { ...environment, SUMMARY: summary });
  if (code !== 0) throw new Error(`k6 ended with ${code}`);
  return JSON.parse(readFileSync(summary, 'utf8'));
}

/** Runs a script to its end and gives k6's exit code; what it prints is thrown away, but for what it logs. */
export async function runScript(script, environment) {
  const args = ['run', '--quiet', '--no-usage-report', '--no-color'];
  const child = spawnOwned(k6(), [...args, '--address', '', '--log-output', 'stderr', script], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  return code;
}
