// `make overhead`: what a request costs beside its models, in CPU time, by thread.
//
//   node bench/overhead.mjs [--servers echo,null,tiny] [--rounds 5] [--duration 5s] [--connections 10]
//   node bench/overhead.mjs --servers echo-lists,memory,redis
//   node bench/overhead.mjs --servers untraced,unsampled,sampled
//
// Serves, in turns: a bare Koa that echoes; Chorus without an engine, so HTTP alone; and the five models of
// the challenge as encoders of next to no work (`make.mjs --tiny`) with the real tokenizers. The second line: lists of
// three texts that were all answered before, by what is kept in the process or in Redis alone. The third: HTTP alone
// without tracing, with it and no request sampled, and with one in ten; the first is what the others are compared with.
// CPU time per request is the kernel's own account of every thread (/proc/<pid>/task/<tid>/schedstat), so it does not
// depend on what else runs on the machine. The ratio to what a server is compared with is taken round by round.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { MODELS } from './lib/contract.js';
import { cpuTimes } from './lib/cpu.mjs';
import { runLoad } from './lib/k6.mjs';
import { BENCH } from './lib/paths.mjs';
import { startRedis } from './lib/redis.mjs';
import { startServer, stopServer } from './lib/server.mjs';
import { startSink } from './lib/sink.mjs';
import { median, sum } from './lib/statistics.mjs';
import { OVERHEAD } from './lib/targets.mjs';
import { textSet } from './lib/texts.mjs';
import { closedLoop } from './sentiment/started.mjs';

const WORK = join(BENCH, '.work');

const NAMES = {
  echo: 'Koa echo',
  null: 'Chorus, no engine',
  untraced: 'Chorus, no engine, no tracing',
  unsampled: 'the same, traced, none sampled',
  sampled: 'the same, one in ten sampled',
  tiny: 'Chorus',
  'echo-lists': 'Koa echo, lists of texts',
  memory: 'Chorus, answers kept in the process',
  redis: 'Chorus, answers kept in Redis',
};
/** Those that are sent lists, and what others are compared with. */
const LISTS = ['echo-lists', 'memory', 'redis'];
/** Those that send spans, and what they are compared with. */
const TRACED = ['untraced', 'unsampled', 'sampled'];

function echoOf(name) {
  if (TRACED.includes(name)) return 'untraced';
  return LISTS.includes(name) ? 'echo-lists' : 'echo';
}

async function main() {
  const { values } = parseArgs({
    options: {
      servers: { type: 'string', default: 'echo,null,tiny' },
      rounds: { type: 'string', default: '5' },
      duration: { type: 'string', default: '5s' },
      connections: { type: 'string', default: '10' },
    },
  });
  const servers = values.servers.split(',');
  mkdirSync(WORK, { recursive: true });
  if (servers.includes('tiny')) {
    execFileSync(process.execPath, [join(BENCH, 'synthetic', 'make.mjs'), '--tiny']);
  }
  const texts = textSet('k6_payloads', WORK);
  const load = {
    texts: texts.path,
    connections: Number(values.connections),
    duration: values.duration,
  };
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const name of servers) {
      rounds.push({ name, ...(await measure(name, { ...load, offset: round * 997 })) });
    }
  }
  print(servers, rounds);
}

/** Requests per second, and CPU microseconds per request by group of threads. */
async function measure(name, load) {
  const redis = name === 'redis' ? await startRedis(WORK) : undefined;
  const collector = TRACED.includes(name) ? await startSink() : undefined;
  const command = (ports) => OVERHEAD[name](ports, redis?.url ?? collector?.url);
  const server = await startServer(command, join(WORK, 'overhead.log'));
  const send = (duration) =>
    LISTS.includes(name)
      ? closedLoop(`http://127.0.0.1:${server.port}/predict`, 1, { ...load, duration })
      : runLoad({ ...load, duration, url: server.url, models: MODELS }, WORK);
  try {
    await send('2s');
    const before = cpuTimes(server.child.pid);
    const { requestsPerSecond, answers, failed, latencyMs } = await send(load.duration);
    const after = cpuTimes(server.child.pid);
    if (!name.startsWith('echo') && failed > 0) throw new Error(`${failed} wrong or failed answers`);
    const micros = Object.fromEntries(
      [...after].map(([group, total]) => [group, (total - (before.get(group) ?? 0)) / answers]),
    );
    return { requestsPerSecond, micros, p50: latencyMs.med };
  } finally {
    await stopServer(server);
    await redis?.stop();
    await collector?.stop();
  }
}

function print(servers, rounds) {
  const of = (name) => rounds.filter((round) => round.name === name);
  const base = TRACED.includes(servers[0]) ? 'untraced' : 'echo';
  const groups = [...new Set(rounds.flatMap(({ micros }) => Object.keys(micros)))];
  const head = [
    ...groups,
    'sum',
    'req/s beside k6',
    'p50 ms',
    `${base} ÷ JS thread`,
    `${base} ÷ sum`,
    `req/s ÷ ${base}`,
  ];
  console.log(`| CPU µs per request | ${head.join(' | ')} |`);
  console.log(`| --- |${' --- |'.repeat(head.length)}`);
  for (const name of servers) {
    const cells = groups.map((group) => median(of(name).map(({ micros }) => micros[group] ?? 0)));
    const rate = median(of(name).map(({ requestsPerSecond }) => requestsPerSecond));
    const columns = [...cells, sum(cells), rate].map((number) => number.toFixed(0));
    const p50 = median(of(name).map((round) => round.p50)).toFixed(2);
    const compared = ratios(of(name), of(echoOf(name)));
    console.log(`| ${NAMES[name]} | ${[...columns, p50, ...compared].join(' | ')} |`);
  }
}

/** How much of the rate of what it is compared with a server does: by the CPU time of its JS thread, by all of it, and beside k6. */
function ratios(rounds, echo) {
  const by = (ratio) => median(rounds.map((round, at) => ratio(round, echo[at]))).toFixed(3);
  if (echo.length === 0) return ['', '', ''];
  return [
    by((round, bare) => bare.micros['JS thread'] / round.micros['JS thread']),
    by((round, bare) => sum(Object.values(bare.micros)) / sum(Object.values(round.micros))),
    by((round, bare) => round.requestsPerSecond / bare.requestsPerSecond),
  ];
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
