// `node bench/sentiment.mjs soak`: the load test of autotests/sentiment against one target, and the target's memory
// over its ten minutes.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { runScript } from '../lib/k6.mjs';
import { mebibytes, titled } from '../lib/markdown.mjs';
import { ROOT } from '../lib/paths.mjs';
import { memory } from '../lib/server.mjs';
import { withServers, WORK } from './started.mjs';
import { PREFIX, TARGETS } from './targets.mjs';

const SCRIPT = join(ROOT, 'autotests', 'sentiment', 'load.js');
const SAMPLE_MS = 1000;
/** By then every thread has its memory and every loop is compiled; what comes later is growth. */
const SETTLED = 0.2;
/** k6's exit code where a threshold was missed: the report is there, and says which. */
const MISSED = 99;

/** Gives `{text, figures, bad}`. */
export async function soak(options) {
  const [target] = options.targets;
  const folder = join(WORK, 'soak');
  mkdirSync(folder, { recursive: true });
  return withServers(target, 1, options, async ([{ server }]) => {
    const samples = [sample(server, 0)];
    const run = runScript(SCRIPT, variables(server, folder, options));
    const code = await watch(server, run, samples);
    if (code !== 0 && code !== MISSED) throw new Error(`k6 ended with ${code}`);
    // One of several things in RESULTS.md.
    const report = readFileSync(join(folder, 'report.md'), 'utf8').replace(/^# /, '### ');
    const summary = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
    return {
      text: `${report.trim()}\n\n${memoryTable(target, samples).join('\n')}`,
      figures: { target, memory: samples, summary },
      bad: code !== 0,
    };
  });
}

function variables(server, folder, { rates, mode, scale, route }) {
  return {
    api_host: `http://127.0.0.1:${server.port}`,
    PREFIX,
    ROUTE: route,
    CACHE_RATE: String(rates[0]),
    MODE: mode,
    SCALE: scale,
    REPORT: folder,
  };
}

/** Adds a sample each second until `run` ends; gives what it gives. */
async function watch(server, run, samples) {
  const started = performance.now();
  let isOver = false;
  const ended = run.finally(() => (isOver = true));
  while (!isOver) {
    await Promise.race([sleep(SAMPLE_MS), ended]);
    if (server.child.exitCode !== null)
      throw new Error(`the server ended with ${server.child.exitCode}`);
    samples.push(sample(server, (performance.now() - started) / 1000));
  }
  return ended;
}

function sample(server, seconds) {
  return { seconds, rss: memory(server).now };
}

function memoryTable(target, samples) {
  const settled = samples[Math.floor(samples.length * SETTLED)];
  const end = samples.at(-1);
  const most = samples.reduce((max, one) => (one.rss > max.rss ? one : max));
  const rows = [
    ['when ready', samples[0]],
    ['after a fifth of the time', settled],
    ['most', most],
    ['at the end', end],
  ].map(([name, { seconds, rss }]) => [name, `${seconds.toFixed(0)} s`, mebibytes(rss)]);
  const growth = ['growth since a fifth', '', mebibytes(end.rss - settled.rss)];
  const title = `Memory of ${TARGETS[target].what}`;
  return titled(title, ['resident memory', 'at', ''], [...rows, growth]);
}
