// `make retrieval-storm`: what becomes of requests while an index changes, is damaged, and replicas die.
//
// Two replicas of retrieval-starter share a folder and stand behind nginx, which sends a request on whose replica is gone.
// k6 asks all the time, ten at once; every answer must be a line of the corpus. Meanwhile, one after the other, things are
// done that operators do and that happen to them. Nothing of it may cost a request.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { runForFigures } from '../lib/k6.mjs';
import { describeMachine } from '../lib/machine.mjs';
import { titled, writeResults } from '../lib/markdown.mjs';
import { nginxBefore } from '../lib/nginx.mjs';
import { BENCH, ROOT } from '../lib/paths.mjs';
import { startServer, stopServer, withStarted } from '../lib/server.mjs';

const WORK = join(BENCH, '.work', 'retrieval-storm');
const INDEX = join(WORK, 'index');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const MODELS = join(ROOT, 'models', 'retrieval-starter');
const CORPUS = join(MODELS, 'corpus.jsonl');
const MARKERS = [
  '<!-- storm:begin (written by bench/retrieval/storm.mjs; do not edit) -->',
  '<!-- storm:end -->',
];
/** Between two things that happen. */
const PAUSE_MS = 3000;
const SERVED_WITHIN_MS = 20_000;

rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK, { recursive: true });
const rows = [];
/** The replicas that run, by their place; nginx knows their ports. */
const replicas = [];

cpSync(join(MODELS, 'index'), INDEX, { recursive: true });
writeFileSync(join(WORK, 'other.jsonl'), '{"text":"another corpus"}\n');
index(['build', join(WORK, 'other.jsonl'), '--generation', 'other']);
index(['build', CORPUS, '--generation', 'second']);
writeFileSync(
  join(WORK, 'queries.jsonl'),
  readFileSync(join(MODELS, 'paraphrases', 'test.tsv'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => `${JSON.stringify({ text: line.split('\t')[1] })}\n`)
    .join(''),
);

try {
  for (let place = 0; place < 2; place++)
    replicas[place] = await startServer(serve(), logOf(place));
  const ports = replicas.map(({ port }) => port);
  const balancer = nginxBefore(ports, join(WORK, 'nginx'), { retries: true });
  await withStarted(
    balancer,
    1,
    () => join(WORK, 'nginx.log'),
    ([{ port, child }]) => storm(port, child),
  );
} finally {
  await Promise.all(replicas.map(stopServer));
}

async function storm(port, nginx) {
  const load = runForFigures(
    join(BENCH, 'retrieval', 'load.js'),
    {
      TARGET: `http://127.0.0.1:${port}/process`,
      TEXTS: join(WORK, 'queries.jsonl'),
      ...{ VUS: '10', DURATION: '100s' },
    },
    WORK,
  );
  let isOver = false;
  const ended = load.finally(() => (isOver = true));
  await sleep(PAUSE_MS);
  await happens('publish another generation', () => published('other'));
  await happens('roll back', async () => {
    index(['rollback']);
    await served('starter');
  });
  await happens('publish the same corpus, built anew', () => published('second'));
  await happens('publish a generation with a flipped bit', async () => {
    damagedCopy();
    const { status, stderr } = index(['publish', 'damaged'], { mayFail: true });
    return `refused (exit code ${status}): ${stderr.split('/').at(-1).trim().slice(0, 60)}…`;
  });
  await happens('a generation damaged after it was published', async () => {
    const pointer = JSON.parse(readFileSync(join(INDEX, 'current'), 'utf8'));
    const manifest = readFileSync(join(INDEX, 'generations', 'damaged', 'manifest.json'));
    const sha256 = createHash('sha256').update(manifest).digest('hex');
    const { previous, ...now } = pointer;
    writeFileSync(
      join(INDEX, 'current'),
      JSON.stringify({ generation: 'damaged', manifest: sha256, previous: [now, ...previous] }),
    );
    await until(async () =>
      (await metrics()).every((text) => text.includes('chorus_index_behind 1')),
    );
    index(['rollback']);
    await until(async () =>
      (await metrics()).every((text) => text.includes('chorus_index_behind 0')),
    );
    return 'refused by both; the one before goes on';
  });
  await happens('kill -9 of a replica', async () => {
    process.kill(replicas[0].child.pid, 'SIGKILL');
    await sleep(PAUSE_MS);
  });
  await happens('that replica comes back', async () => {
    replicas[0] = await startServer(serve(replicas[0].port), logOf('again'));
  });
  await happens('kill -9 of a build, which then goes on', async () => {
    const args = [MAIN, 'index', 'build', CORPUS, '--generation', 'killed', '--index-dir', INDEX];
    const killed = spawnSync(process.execPath, args, { timeout: 600, killSignal: 'SIGKILL' });
    index(['build', CORPUS, '--generation', 'killed']);
    await published('killed');
    return `killed by ${killed.signal}; the same command ended, and its generation is served`;
  });
  await happens('the disk is full while a generation is built', async () => {
    const args = [MAIN, 'index', 'build', CORPUS, '--generation', 'full', '--index-dir', INDEX];
    const limited = ['-c', 'ulimit -f 200 && exec "$@"', 'sh', process.execPath, ...args];
    const { status } = spawnSync('sh', limited, { encoding: 'utf8' });
    if (status === 0) throw new Error('a build on a full disk was done');
    return `exit code ${status}; what is served goes on`;
  });
  await happens('restart of the gateway (nginx reloads)', async () => {
    process.kill(nginx.pid, 'SIGHUP');
    await sleep(PAUSE_MS);
  });
  await happens('what is old is removed while it is served from', () => {
    index(['gc', '--keep', '0']);
  });
  if (isOver) throw new Error('the load ended before all had happened');
  conclude(await ended);
}

/** Does something, and says how long it took. */
async function happens(what, doIt) {
  const begun = performance.now();
  const note = (await doIt()) ?? 'done';
  rows.push([what, `${((performance.now() - begun) / 1000).toFixed(1)} s`, note]);
  console.error(rows.at(-1).join(' | '));
  await sleep(PAUSE_MS);
}

async function published(generation) {
  index(['publish', generation]);
  await served(generation);
}

/** Resolves when every replica serves it. */
function served(generation) {
  const line = `chorus_index_info{generation="${generation}"} 1`;
  return until(async () => (await metrics()).every((text) => text.includes(line)));
}

function metrics() {
  return Promise.all(
    replicas.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()),
  );
}

async function until(holds) {
  const end = performance.now() + SERVED_WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await sleep(20);
  }
}

function index(args, { mayFail = false } = {}) {
  const all = [MAIN, 'index', ...args, '--index-dir', INDEX];
  const ended = spawnSync(process.execPath, all, { encoding: 'utf8' });
  if (ended.status !== 0 && !mayFail) throw new Error(ended.stderr);
  return ended;
}

function damagedCopy() {
  index(['build', CORPUS, '--generation', 'damaged']);
  const file = join(INDEX, 'generations', 'damaged', 'vectors.i8');
  const bytes = readFileSync(file);
  bytes[5000] ^= 8;
  rmSync(file);
  writeFileSync(file, bytes);
}

function serve(own) {
  return ({ port, adminPort }) => ({
    file: process.execPath,
    args: [
      ...[MAIN, 'serve', 'retrieval-starter', '--index-dir', INDEX, '--log-level', 'warn'],
      ...['--port', String(own ?? port), '--admin-port', String(adminPort)],
    ],
    env: {},
    ready: `http://127.0.0.1:${adminPort}/readyz`,
  });
}

function logOf(place) {
  return join(WORK, `replica-${place}.log`);
}

function conclude({ answers, failed, failedChecks, latencyMs, requestsPerSecond }) {
  const text = [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`node bench/retrieval/storm.mjs\`, two replicas behind nginx, ten connections`,
    '',
    ...describeMachine(),
    '',
    `**${failed} of ${answers} requests failed** (${Math.round(requestsPerSecond)} a second, p99 ${latencyMs['p(99)'].toFixed(1)} ms, all of it on two cores).`,
    '',
    ...titled('What happened meanwhile', ['What', 'Took', 'Outcome'], rows),
  ].join('\n');
  console.log(`\n${text}`);
  writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
  if (failed === 0) return;
  console.error(failedChecks);
  process.exitCode = 1;
}
