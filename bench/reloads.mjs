// `make reloads`: reloads in a row under load, between profiles with other models and other precisions.
//
//   node bench/reloads.mjs [--reloads 20] [--connections 64] [--seconds 8] [--models FOLDER]
//
// Four things are served in turns: all models of a folder (default: the starter's) in either precision, and two parts of
// them. What each answers to each text was asked one at a time before. An answer under load is wrong unless it is one of
// those, byte for byte: so is one of models of two profiles, or in two precisions. Memory is resident memory of the
// process, the least of the last two seconds before the next reload, beside that of the same profile and precision in
// the round before; how much of it are V8's heaps stands behind it.

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { Connections } from './lib/connections.mjs';
import { withKnownAnswers } from './lib/known-answers.mjs';
import { describeMachine } from './lib/machine.mjs';
import { BENCH, ROOT } from './lib/paths.mjs';
import { modelsIn, writeProfile } from './lib/profiles.mjs';
import { reload, startServer, stopServer } from './lib/server.mjs';
import { chorus, NO_CACHE } from './lib/targets.mjs';
import { usage } from './lib/usage.mjs';
import { randomWords } from './lib/words.mjs';

const WORK = join(BENCH, '.work', 'reloads');
const MIB = 2 ** 20;
const TEXTS = 100;
const WORDS = [5, 40];
/** V8 compiles, heaps and arenas grow, whether it reloads or not. */
const WARM_UP_MS = 30_000;
const SAMPLE_EVERY_MS = 200;
const SAMPLES = 10;

const { values } = parseArgs({
  options: {
    reloads: { type: 'string', default: '20' },
    connections: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '8' },
    models: { type: 'string', default: join(ROOT, 'models', 'starter') },
  },
});

async function main() {
  mkdirSync(WORK, { recursive: true });
  const served = servedInTurns(resolve(values.models));
  const command = chorus(served[0].file, ...NO_CACHE, '--reload-other', '--log-level', 'warn');
  const server = await startServer(command, join(WORK, 'server.log'));
  try {
    const connections = new Connections(new URL(server.url), 0);
    const texts = await withKnownAnswers(
      connections,
      Array.from({ length: TEXTS }, () => randomWords(WORDS)),
      served.map(({ file, precision }) => () => reload(server, file, precision)),
    );
    console.log(`${describeMachine().join('\n')}\n${values.connections} connections`);
    const load = loading(connections, texts);
    await sleep(WARM_UP_MS);
    print(0, served.at(-1), 0, await settled(server));
    for (let at = 0; at < Number(values.reloads); at += 1) {
      const next = served[at % served.length];
      const started = performance.now();
      await reload(server, next.file, next.precision);
      const took = performance.now() - started;
      await sleep(Number(values.seconds) * 1000);
      print(at + 1, next, took, await settled(server));
    }
    const counts = await load.stop();
    console.log(`answers ${JSON.stringify(counts)}`);
    if (counts.wrong + counts.failed > 0) process.exitCode = 1;
  } finally {
    await stopServer(server);
  }
}

/** The first is what the service starts with, and comes last in each round. */
function servedInTurns(folder) {
  const all = modelsIn(folder);
  const half = Math.ceil(all.length / 2);
  const [whole, first, rest] = [
    ['all', all],
    ['first', all.slice(0, half)],
    ['rest', all.slice(half)],
  ].map(([name, models]) => {
    const routes = [{ path: '/process', contract: 'process' }];
    return { name, file: writeProfile(WORK, { name, models, routes }) };
  });
  return [
    { ...whole, precision: 'exact' },
    { ...first, precision: 'int8' },
    { ...whole, precision: 'int8' },
    { ...rest, precision: 'exact' },
  ];
}

/** A closed loop until it is stopped, which gives what was answered. */
function loading(connections, texts) {
  const counts = { right: 0, wrong: 0, failed: 0 };
  let isOver = false;
  const loop = async (_, index) => {
    for (let sent = index; !isOver; sent += 1) {
      const { request, right } = texts[sent % texts.length];
      const { status, body } = await connections.send(request);
      if (status !== 200) counts.failed += 1;
      else counts[right.has(body) ? 'right' : 'wrong'] += 1;
    }
  };
  const loops = Promise.all(Array.from({ length: Number(values.connections) }, loop));
  return {
    stop: async () => {
      isOver = true;
      await loops;
      return counts;
    },
  };
}

/** Where V8 has collected last. */
async function settled(server) {
  const samples = [];
  while (samples.length < SAMPLES) {
    samples.push(await usage(server));
    await sleep(SAMPLE_EVERY_MS);
  }
  return samples.reduce((least, sample) => (sample.rss < least.rss ? sample : least));
}

const before = new Map();

function print(number, { name, precision }, took, { rss, heap }) {
  const what = `${name} ${precision}`;
  const last = before.get(what);
  const change = last === undefined ? '' : `${((rss / last - 1) * 100).toFixed(1)} %`;
  before.set(what, rss);
  const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`.padStart(10);
  console.log(
    `${String(number).padStart(2)}  ${what.padEnd(12)} ${took.toFixed(0).padStart(6)} ms ${mib(rss)} ${change.padStart(7)}  heaps ${mib(heap)}`,
  );
}

await main();
