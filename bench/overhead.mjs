// `make overhead`: what a request costs beside its models, in CPU time, by thread.
//
//   node bench/overhead.mjs [--rounds 5] [--duration 5s] [--connections 10]
//
// Serves the five models of the challenge as encoders of next to no work (`make.mjs --tiny`) with the real
// tokenizers, and a bare Koa echo, in turns. CPU time per request is the kernel's own account of every
// thread (/proc/<pid>/task/<tid>/schedstat), so it does not depend on what else runs on the machine.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { MODELS } from './lib/contract.js';
import { runLoad } from './lib/k6.mjs';
import { BENCH } from './lib/paths.mjs';
import { startServer, stopServer } from './lib/server.mjs';
import { median, sum } from './lib/statistics.mjs';
import { OVERHEAD } from './lib/targets.mjs';
import { textSet } from './lib/texts.mjs';

const WORK = join(BENCH, '.work');

const SERVERS = { 'Koa echo': OVERHEAD.echo, Chorus: OVERHEAD.tiny };

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      duration: { type: 'string', default: '5s' },
      connections: { type: 'string', default: '10' },
    },
  });
  mkdirSync(WORK, { recursive: true });
  execFileSync(process.execPath, [join(BENCH, 'synthetic', 'make.mjs'), '--tiny']);
  const texts = textSet('k6_payloads', WORK);
  const load = {
    texts: texts.path,
    connections: Number(values.connections),
    duration: values.duration,
  };
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, command] of Object.entries(SERVERS)) {
      rounds.push({ name, ...(await measure(name, command, { ...load, offset: round * 997 })) });
    }
  }
  print(rounds);
}

/** Requests per second, and CPU microseconds per request by group of threads. */
async function measure(name, command, load) {
  const server = await startServer(command, join(WORK, 'overhead.log'));
  try {
    const request = { ...load, url: server.url, models: MODELS };
    await runLoad({ ...request, duration: '2s' }, WORK);
    const before = cpuTimes(server.child.pid);
    const { requestsPerSecond, answers, failed } = await runLoad(request, WORK);
    const after = cpuTimes(server.child.pid);
    if (name === 'Chorus' && failed > 0) throw new Error(`${failed} wrong or failed answers`);
    const micros = Object.fromEntries(
      [...after].map(([group, total]) => [group, (total - (before.get(group) ?? 0)) / answers]),
    );
    return { requestsPerSecond, micros };
  } finally {
    await stopServer(server);
  }
}

/** CPU time in microseconds by group: the JS thread, tokenizers, lanes with their teams, and what Node adds. */
function cpuTimes(pid) {
  const groups = new Map();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    const group = groupOf(Number(thread) === pid, readFileSync(`${folder}/comm`, 'utf8').trim());
    const [nanoseconds] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ');
    groups.set(group, (groups.get(group) ?? 0) + Number(nanoseconds) / 1000);
  }
  return groups;
}

function groupOf(isMain, name) {
  if (isMain) return 'JS thread';
  if (name.startsWith('tokenizer')) return 'tokenizer threads';
  if (name.startsWith('lane') || name.startsWith('team')) return 'lanes';
  return "Node's other threads";
}

function print(rounds) {
  const of = (name) => rounds.filter((round) => round.name === name);
  const groups = [...new Set(rounds.flatMap(({ micros }) => Object.keys(micros)))];
  console.log(`| CPU µs per request | ${groups.join(' | ')} | sum | req/s beside k6 |`);
  console.log(`| --- |${' --- |'.repeat(groups.length + 2)}`);
  for (const name of Object.keys(SERVERS)) {
    const cells = groups.map((group) => median(of(name).map(({ micros }) => micros[group] ?? 0)));
    const rate = median(of(name).map(({ requestsPerSecond }) => requestsPerSecond));
    const columns = [...cells, sum(cells), rate].map((number) => number.toFixed(0));
    console.log(`| ${name} | ${columns.join(' | ')} |`);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
