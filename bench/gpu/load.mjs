// Closed loops against the five full-size models on a GPU, from several k6 processes: one k6 core tops out
// long before a GPU does.
//
//   node bench/gpu/load.mjs [--flags="--precision fp16;--precision fp16 --lanes 10"] [--texts k6_payloads]
//     [--connections 10,64,256] [--duration 8s] [--generators 8] [--device cuda]
//
// Starts Chorus once for each of the flags' entries, warms it up, and prints a line for each number of connections:
// requests per second, latencies (p50 of the generators' p50, the worst p99), failed answers, the mean texts
// in a batch, and where the server's CPU time went by thread, in cores.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { MODELS } from '../lib/contract.js';
import { runLoad } from '../lib/k6.mjs';
import { BENCH, ROOT, syntheticDir } from '../lib/paths.mjs';
import { memory, startServer, stopServer } from '../lib/server.mjs';
import { textSet } from '../lib/texts.mjs';

const WORK = join(BENCH, '.work', 'gpu');
/** Texts from one generator's first to the next one's: equal texts in flight would be computed once. */
const OFFSET = 613;
const CLOCK_TICKS = 100;

const { values: options } = parseArgs({
  options: {
    flags: { type: 'string', default: '--precision fp16' },
    texts: { type: 'string', default: 'k6_payloads' },
    connections: { type: 'string', default: '10,64,256' },
    duration: { type: 'string', default: '8s' },
    warmup: { type: 'string', default: '4s' },
    generators: { type: 'string', default: '8' },
    device: { type: 'string', default: 'cuda' },
    profile: { type: 'string', default: join(ROOT, 'models', 'challenge.yaml') },
  },
});

mkdirSync(WORK, { recursive: true });
const texts = textSet(options.texts, WORK);
console.log(`${texts.name}, ${options.device}, ${options.generators} generators at most`);
for (const flags of options.flags.split(';')) {
  try {
    await measure(flags.trim().split(/\s+/).filter(Boolean));
  } catch (error) {
    console.log(`${flags}: ${error.message}`);
  }
}

async function measure(flags) {
  let adminUrl = '';
  const command = ({ port, adminPort }) => {
    adminUrl = `http://127.0.0.1:${adminPort}`;
    const ports = ['--port', port, '--admin-port', adminPort].map(String);
    const models = ['--models-dir', join(syntheticDir(), 'challenge')];
    return {
      file: process.execPath,
      args: [
        join(ROOT, 'dist', 'cli', 'main.js'),
        'serve',
        options.profile,
        ...models,
        ...['--device', options.device],
        ...['--host', '127.0.0.1', '--admin-host', '127.0.0.1', ...ports, ...flags],
      ],
      ready: `${adminUrl}/readyz`,
    };
  };
  const server = await startServer(command, join(WORK, 'server.log'));
  const ready = (server.readyMs / 1000).toFixed(1);
  console.log(`\n${flags.join(' ')}: ready in ${ready} s`);
  try {
    for (const connections of options.connections.split(',').map(Number)) {
      await load(server, connections, options.warmup, 4001);
      const before = await snapshot(server, adminUrl);
      const figures = await load(server, connections, options.duration, 0);
      const after = await snapshot(server, adminUrl);
      console.log(line(connections, figures, before, after));
    }
    const resident = (memory(server).now / 2 ** 30).toFixed(2);
    console.log(`resident ${resident} GiB`);
  } finally {
    await stopServer(server);
  }
}

/** One loop of so many connections, shared out over the generators. */
async function load({ url }, connections, duration, offset) {
  const generators = Math.min(Number(options.generators), Math.ceil(connections / 8));
  const runs = Array.from({ length: generators }, (_, index) => {
    const folder = join(WORK, `k6-${index}`);
    mkdirSync(folder, { recursive: true });
    const own = Math.floor(connections / generators) + (index < connections % generators ? 1 : 0);
    const load = { url, texts: texts.path, connections: own, duration, models: MODELS };
    return runLoad({ ...load, offset: offset + index * OFFSET }, folder);
  });
  return await Promise.all(runs);
}

/** CPU seconds by thread name, and sums over all models' batches. */
async function snapshot({ child }, adminUrl) {
  const threads = new Map();
  for (const task of readdirSync(`/proc/${child.pid}/task`)) {
    try {
      const stat = readFileSync(`/proc/${child.pid}/task/${task}/stat`, 'utf8');
      const name = /\((.*)\)/.exec(stat)[1].replace(/-\d+$/, '');
      const [user, system] = stat.split(') ').at(-1).split(' ').slice(11, 13).map(Number);
      const key = Number(task) === child.pid ? 'js' : name;
      threads.set(key, (threads.get(key) ?? 0) + (user + system) / CLOCK_TICKS);
    } catch {
      // The thread has ended.
    }
  }
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
  const sum = (name) =>
    [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
      .map(([, value]) => Number(value))
      .reduce((total, value) => total + value, 0);
  return {
    at: performance.now() / 1000,
    threads,
    texts: sum('chorus_batch_size_sum'),
    batches: sum('chorus_batch_size_count'),
  };
}

function line(connections, figures, before, after) {
  const answers = figures.reduce((sum, figure) => sum + figure.answers, 0);
  const seconds = Math.max(...figures.map((figure) => figure.seconds));
  const medians = figures.map(({ latencyMs }) => latencyMs.med).sort((a, b) => a - b);
  const worst = Math.max(...figures.map(({ latencyMs }) => latencyMs['p(99)']));
  const failed = figures.reduce((sum, figure) => sum + figure.failed, 0);
  const elapsed = after.at - before.at;
  const cores = [...after.threads]
    .map(([name, cpu]) => [name, (cpu - (before.threads.get(name) ?? 0)) / elapsed])
    .filter(([, used]) => used > 0.02)
    .sort(([, a], [, b]) => b - a)
    .map(([name, used]) => `${name} ${used.toFixed(2)}`);
  const perBatch = (after.texts - before.texts) / (after.batches - before.batches);
  return [
    `${String(connections).padStart(4)} connections: ${(answers / seconds).toFixed(0)} req/s`,
    `p50 ${medians[medians.length >> 1].toFixed(2)} ms, p99 ${worst.toFixed(2)} ms, failed ${failed}`,
    `${perBatch.toFixed(1)} texts per batch; ${cores.join(', ')}`,
  ].join('; ');
}
