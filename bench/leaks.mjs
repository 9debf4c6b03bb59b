// `make leaks`: does memory come back when models go?
//
//   node bench/leaks.mjs [--rounds 100] [--reloads 25] [--models FOLDER] [--large FOLDER]
//
// Loads: a profile of two models of which one fits, asked in turns, so that each round loads one and lets the other go.
// Reloads: between profiles with other models and precisions, and back to the first after each, three in a round;
// `--models`: a folder with a folder for each of them. `--large`: a folder of a large checkpoint, loaded and let go ten
// times beside a small one. Memory is that of the process (VmRSS): anonymous (RssAnon) is what nobody else could take,
// packed weights and heaps, file (RssFile) what the system may take back, tables of word vectors and code.

import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { BENCH, ROOT } from './lib/paths.mjs';
import { modelsIn, writeProfile } from './lib/profiles.mjs';
import { reload, startServer, stopServer } from './lib/server.mjs';
import { chorus, NO_CACHE } from './lib/targets.mjs';
import { metric, usage } from './lib/usage.mjs';

const WORK = join(BENCH, '.work', 'leaks');
const STARTER = join(ROOT, 'models', 'starter');
const MIB = 2 ** 20;
/** Rounds after which V8 has compiled what it will, and the C library has its arenas. */
const WARM_UP = 5;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    reloads: { type: 'string', default: '25' },
    models: { type: 'string', default: STARTER },
    large: { type: 'string' },
  },
});

async function main() {
  mkdirSync(WORK, { recursive: true });
  if (values.rounds !== '0') await loads('svalabs, ivanlau', ['svalabs', 'ivanlau'], '2MiB', Number(values.rounds));
  if (values.reloads !== '0') await reloads(Number(values.reloads));
  if (values.large !== undefined) await large(resolve(values.large));
}

/** Loads one model after the other, each for the other. */
async function loads(title, names, memory, rounds) {
  const file = profile('loads', names.map((name) => ({ name, path: join(STARTER, name) })), 'lazy');
  const server = await start(file, '--model-memory', memory);
  console.log(`\nLoads in turns: ${title}`);
  let base;
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) await ask(server, name);
    if (round === 10) base = await usage(server);
    if (round === 1 || round % 10 === 0) print(`round ${round}`, await usage(server), base);
  }
  await stopServer(server);
}

/** To another profile or precision and back, each time. */
async function reloads(count) {
  const folder = resolve(values.models);
  const all = modelsIn(folder);
  const files = [all, all.slice(0, 2), all.slice(2), all.slice(1, 2)].map((models, index) =>
    profile(`reload-${index}`, models, 'eager'),
  );
  const server = await start(files[0], '--reload-other');
  console.log('\nReloads, each to another profile and back to the first');
  for (const { name } of all) await ask(server, name);
  let base;
  for (let round = 1; round <= count; round += 1) {
    await reload(server, files[round % files.length], round % 2 === 0 ? 'int8' : 'exact');
    await reload(server, files[0], 'int8');
    await reload(server, files[0], 'exact');
    for (const { name } of all) await ask(server, name);
    const used = await usage(server);
    if (round === WARM_UP) base = used;
    print(`round ${round}`, used, base);
  }
  await stopServer(server);
}

/** A large model and a small one, in turns. */
async function large(path) {
  const models = [
    { name: 'large', path },
    { name: 'small', path: join(STARTER, 'svalabs') },
  ];
  const server = await start(profile('large', models, 'lazy'), '--model-memory', '0');
  const bytes = await metric(server, 'chorus_model_bytes{model="large"}');
  await stopServer(server);
  const tight = await start(profile('large', models, 'lazy'), '--model-memory', String(bytes));
  console.log(`\nA large model of ${(bytes / MIB).toFixed(0)} MiB, loaded and let go`);
  print('before', await usage(tight));
  for (let round = 1; round <= 10; round += 1) {
    const started = performance.now();
    await ask(tight, 'large');
    const seconds = ((performance.now() - started) / 1000).toFixed(2);
    print(`loaded in ${seconds} s`, await usage(tight));
    await ask(tight, 'small');
    print('gone', await usage(tight));
  }
  await stopServer(tight);
}

/** A profile with a route for each model. */
function profile(name, models, load) {
  const routes = models.map(({ name }) => ({ path: `/${name}`, contract: 'process', models: [name] }));
  return writeProfile(WORK, { name, load, models, routes });
}

async function start(file, ...flags) {
  const server = await startServer(chorus(file, ...NO_CACHE, ...flags), join(WORK, 'server.log'));
  return { ...server, origin: dirname(server.url) };
}

let asked = 0;

async function ask({ origin }, route) {
  const body = JSON.stringify(`text ${(asked += 1)}`);
  const response = await fetch(`${origin}/${route}`, { method: 'POST', body });
  const answer = await response.text();
  // Nothing to ask it where a profile has not that model.
  if (!response.ok && response.status !== 404) throw new Error(`${route}: ${answer}`);
}

function print(what, { rss, anonymous, file, heap, threads, files }, base) {
  const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`.padStart(10);
  const change = base === undefined ? '' : `  ${((rss / base.rss - 1) * 100).toFixed(1)} %`;
  console.log(
    `${what.padEnd(18)} ${mib(rss)} anonymous ${mib(anonymous)} (Node's heap ${mib(heap)}) file ${mib(file)}  ${threads} threads, ${files} files${change}`,
  );
}

await main();
