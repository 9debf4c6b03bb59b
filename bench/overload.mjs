// `make overload`: what is left of the answers when more comes than can be answered.
//
//   node bench/overload.mjs [--policies wait,count] [--trials 2x,5x,10x,longer,slower,impatient-2x,impatient-5x]
//     [--slo 1000] [--max-wait 600ms] [--seconds 12] [--profile starter] [--words 150,250] [--results]
//
// Each trial has a service of its own. First its peak: what a closed loop of 64 gets. Then an open loop
// (overload/generator.mjs): half the peak, several times the peak, half the peak again. Goodput is what was answered within
// the SLO, per second of the overload but its first two seconds, when queues fill. `longer`: in the middle of twice the
// peak texts are ten times as long; what can be answered then was measured as the peak of such texts. `slower`: busy
// processes take two thirds of what the models' threads have, and of those alone, which stand behind others. `impatient`: clients go away after two seconds, without a word.
// Policies: `wait` is Chorus with --max-wait; `count` lets in what has a place, 512 at a time as
// text-embeddings-inference does, whatever it will wait for.

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { spawnOwned } from './lib/children.mjs';
import { cpuTimes, lanesOf } from './lib/cpu.mjs';
import { describeMachine } from './lib/machine.mjs';
import { mebibytes, titled, writeResults } from './lib/markdown.mjs';
import { BENCH } from './lib/paths.mjs';
import { memory, startServer, stopServer } from './lib/server.mjs';
import { percentile, sum } from './lib/statistics.mjs';
import { chorus, NO_CACHE } from './lib/targets.mjs';

const WORK = join(BENCH, '.work', 'overload');
const MARKERS = [
  '<!-- overload:begin (written by bench/overload.mjs; do not edit) -->',
  '<!-- overload:end -->',
];
const CONNECTIONS_AT_PEAK = 64;
const PEAK_SECONDS = 6;
const CALM_SECONDS = 4;
/** Queues fill meanwhile. */
const ONSET_SECONDS = 2;
const PATIENCE_MS = 2000;
const COUNT_LIMIT = 512;

/** Nice 3 has a weight of 526, nice 0 one of 1024: a third of a core that one of each wants (sched(7)). */
const HALF_THE_WEIGHT = 3;

const TRIALS = {
  '2x': { times: 2 },
  '5x': { times: 5 },
  '10x': { times: 10 },
  longer: { times: 2, longer: 10 },
  slower: { times: 2, isSlower: true },
  // What clients put up with is learned from them: it is not in the settings, nor is a count that does not care.
  'impatient-2x': { times: 2, patienceMs: PATIENCE_MS, policies: ['default'] },
  'impatient-5x': { times: 5, patienceMs: PATIENCE_MS, policies: ['default'] },
};

const { values } = parseArgs({
  options: {
    policies: { type: 'string', default: 'wait,count' },
    trials: { type: 'string', default: Object.keys(TRIALS).join() },
    slo: { type: 'string', default: '1000' },
    'max-wait': { type: 'string', default: '600ms' },
    seconds: { type: 'string', default: '12' },
    profile: { type: 'string', default: 'starter' },
    words: { type: 'string', default: '150,250' },
    results: { type: 'boolean', default: false },
  },
});
const SLO_MS = Number(values.slo);
const SECONDS = Number(values.seconds);
const WORDS = values.words.split(',').map(Number);

const POLICIES = {
  default: [],
  wait: ['--max-wait', values['max-wait']],
  count: ['--max-wait', '0s', '--queue-capacity', String(COUNT_LIMIT)],
};

async function main() {
  mkdirSync(WORK, { recursive: true });
  const rows = [];
  for (const name of values.trials.split(',')) {
    for (const policy of TRIALS[name].policies ?? values.policies.split(',')) {
      const row = await trial(name, policy);
      console.error(name, policy, JSON.stringify(row));
      rows.push({ name, policy, ...row });
    }
  }
  const text = report(rows);
  console.log(text);
  writeFileSync(join(WORK, 'overload.json'), JSON.stringify({ rows }, null, 2));
  if (values.results) writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
}

async function trial(name, policy) {
  const { times, longer = 1, isSlower = false, patienceMs = 0 } = TRIALS[name];
  const changed = longer > 1 || isSlower;
  const longerWords = WORDS.map((count) => count * longer);
  return withService(policy, async ({ server, url }) => {
    if (isSlower) standBehind(server.child.pid);
    const peak = await peakOf(url, WORDS, false);
    const changedPeak = changed ? await peakOf(url, longerWords, isSlower) : peak;
    const phases = [
      { seconds: CALM_SECONDS, rate: peak / 2, words: WORDS },
      ...(changed ? [{ seconds: SECONDS, rate: peak * times, words: WORDS }] : []),
      { seconds: SECONDS, rate: peak * times, words: longerWords },
      { seconds: 2 * CALM_SECONDS, rate: peak / 2, words: WORDS },
    ];
    const before = phases.slice(0, -2).reduce((sum, { seconds }) => sum + seconds, 0);
    const memories = [];
    const sampling = setInterval(() => memories.push(memory(server).now), 500);
    const load = generate({ url, patienceMs, phases });
    await sleep(before * 1000);
    const burners = burn(isSlower);
    // Nobody has gone away before the first has waited for as long as it puts up with.
    const onset = ONSET_SECONDS + patienceMs / 1000;
    await sleep(onset * 1000);
    const busy = coresOf({ load: load.pid, service: server.child.pid });
    await sleep((SECONDS - onset) * 1000);
    const cores = busy();
    burners.stop();
    const answers = await load.answers;
    clearInterval(sampling);
    const [from, to] = [(before + onset) * 1000, (before + SECONDS) * 1000];
    const slo = patienceMs || SLO_MS;
    const during = answers.filter(([, sent]) => sent >= from && sent < to);
    const good = during.filter(([, , took, status]) => status === 200 && took <= slo);
    const goodput = good.length / ((to - from) / 1000);
    const tookOf = (wanted) =>
      during.filter(([, , , status]) => status === wanted).map(([, , took]) => took);
    return {
      offered: peak * times,
      peak: changedPeak,
      goodput,
      share: goodput / changedPeak,
      acceptedP99: percentile(tookOf(200), 0.99),
      refusedP99: percentile(tookOf(503), 0.99),
      refused: tookOf(503).length / during.length,
      wentAway: tookOf(0).length / during.length,
      broken: answers.filter(([, , , status]) => ![200, 503, 0].includes(status)).length,
      recoveredAfter: recovery(answers, to, slo),
      memory: Math.max(...memories),
      cores,
    };
  });
}

/** Answers per second in a closed loop. */
async function peakOf(url, words, isSlower) {
  const burners = burn(isSlower);
  try {
    const phase = { seconds: PEAK_SECONDS, connections: CONNECTIONS_AT_PEAK, words };
    const { answers: all } = generate({ url, patienceMs: 0, phases: [phase] });
    const answers = await all;
    const [since, until] = [1000, PEAK_SECONDS * 1000];
    const ended = answers.map(([, sent, took, status]) => ({ at: sent + took, status }));
    const counted = ended.filter(({ at, status }) => status === 200 && at > since && at < until);
    return (counted.length / (until - since)) * 1000;
  } finally {
    burners.stop();
  }
}

/** Seconds after the overload from which on everything was answered in time. */
function recovery(answers, end, slo) {
  const late = answers.filter(
    ([, sent, took, status]) => sent >= end && (status !== 200 || took > slo),
  );
  return Math.max(0, ...late.map(([, sent]) => (sent - end) / 1000));
}

async function withService(policy, use) {
  const ordinary = chorus(values.profile, ...NO_CACHE, ...POLICIES[policy]);
  const command = (ports) => ({ ...ordinary(ports), detached: false });
  const server = await startServer(command, join(WORK, `${policy}.log`));
  try {
    return await use({ server, url: server.url });
  } finally {
    await stopServer(server);
  }
}

/** How many cores the load, the service's JS thread and its other threads take from now until the call. */
function coresOf({ load, service }) {
  const times = () => {
    const { 'JS thread': js, ...others } = Object.fromEntries(cpuTimes(service));
    const ofLoad = sum([...cpuTimes(load).values()]);
    return [ofLoad, js, sum(Object.values(others)), performance.now() * 1000];
  };
  const before = times();
  return () => {
    const spent = times().map((now, at) => now - before[at]);
    return spent.slice(0, 3).map((micros) => micros / spent[3]);
  };
}

/** Runs a generator: its process id, and its answers once it has ended. */
function generate(plan) {
  const child = spawnOwned(process.execPath, [join(BENCH, 'overload', 'generator.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(plan));
  return { pid: child.pid, answers: answersOf(child) };
}

async function answersOf(child) {
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the generator ended with ${code}`);
  return JSON.parse(text);
}

/** Gives the threads of models half the weight of others. */
function standBehind(pid) {
  for (const lane of lanesOf(pid)) setPriority(lane, HALF_THE_WEIGHT);
}

/** A busy process for each core, or none. */
function burn(isSlower) {
  const loop = 'for (;;);';
  const children = Array.from({ length: isSlower ? availableParallelism() : 0 }, () =>
    spawnOwned(process.execPath, ['-e', loop], { stdio: 'ignore' }),
  );
  return { stop: () => children.forEach((child) => child.kill('SIGKILL')) };
}

function report(rows) {
  const percent = (share) => `${(share * 100).toFixed(0)} %`;
  const ms = (value) => (value === undefined ? '–' : value.toFixed(0));
  const table = rows.map((row) => [
    row.name,
    row.policy,
    row.peak.toFixed(0),
    row.offered.toFixed(0),
    row.goodput.toFixed(0),
    percent(row.share),
    ms(row.acceptedP99),
    ms(row.refusedP99),
    percent(row.refused),
    percent(row.wentAway),
    row.broken,
    row.recoveredAfter.toFixed(1),
    mebibytes(row.memory),
    ...row.cores.map((cores) => cores.toFixed(2)),
  ]);
  const head = ['trial', 'policy', 'peak/s', 'offered/s', 'goodput/s', 'of the peak', 'p99 of answers ms', 'p99 of refusals ms'];
  const more = ['refused', 'went away', 'otherwise', 'recovered after s', 'memory', 'load: cores', 'JS: cores', 'models: cores'];
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`node bench/overload.mjs ${process.argv.slice(2).join(' ')}\``.trim(),
    '',
    ...describeMachine().map((line) => `- ${line}`),
    `- Profile ${values.profile}, texts of ${values.words.replace(',', ' to ')} words, none sent twice, no cache; SLO ${SLO_MS} ms, \`--max-wait ${values['max-wait']}\`. Each trial has a service of its own, whose peak was measured just before.`,
    '',
    ...titled('Goodput under overload', [...head, ...more], table),
  ].join('\n');
}

await main();
