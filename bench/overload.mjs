// `make overload`: what is left of the answers when more comes than can be answered.
//
//   node bench/overload.mjs [--policies wait,count] [--trials 2x,5x,10x,longer,slower,impatient-2x,impatient-5x]
//     [--slo 1000] [--max-wait 300ms] [--seconds 15] [--profile starter] [--words 150,250] [--results]
//
// First the peak: what a closed loop of 64 gets. Then each trial, an open loop (overload/generator.mjs) against a
// service of its own: half the peak, several times the peak, half the peak again. Goodput is what was answered within
// the SLO, per second of the overload but its first two seconds, when queues fill. `longer`: in the middle of twice the
// peak texts are ten times as long; what can be answered then was measured as the peak of such texts. `slower`: as many
// busy processes as make the models three times slower. `impatient`: clients go away after two seconds, without a word.
// Policies: `wait` is Chorus with --max-wait; `count` lets in what has a place, 512 at a time as
// text-embeddings-inference does, whatever it will wait for.

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { spawnOwned } from './lib/children.mjs';
import { describeMachine } from './lib/machine.mjs';
import { mebibytes, titled, writeResults } from './lib/markdown.mjs';
import { BENCH } from './lib/paths.mjs';
import { memory, startServer, stopServer } from './lib/server.mjs';
import { percentile } from './lib/statistics.mjs';
import { chorus, NO_CACHE } from './lib/targets.mjs';

const WORK = join(BENCH, '.work', 'overload');
const MARKERS = [
  '<!-- overload:begin (written by bench/overload.mjs; do not edit) -->',
  '<!-- overload:end -->',
];
const CONNECTIONS_AT_PEAK = 64;
const PEAK_SECONDS = 8;
const CALM_SECONDS = 5;
/** Queues fill meanwhile. */
const ONSET_SECONDS = 2;
const PATIENCE_MS = 2000;
const COUNT_LIMIT = 512;

const TRIALS = {
  '2x': { times: 2 },
  '5x': { times: 5 },
  '10x': { times: 10 },
  longer: { times: 2, longer: 10 },
  slower: { times: 2, slower: 3 },
  // What clients put up with is learned from them: it is not in the settings, nor is a count that does not care.
  'impatient-2x': { times: 2, patienceMs: PATIENCE_MS, policies: ['default'] },
  'impatient-5x': { times: 5, patienceMs: PATIENCE_MS, policies: ['default'] },
};

const { values } = parseArgs({
  options: {
    policies: { type: 'string', default: 'wait,count' },
    trials: { type: 'string', default: Object.keys(TRIALS).join() },
    slo: { type: 'string', default: '1000' },
    'max-wait': { type: 'string', default: '300ms' },
    seconds: { type: 'string', default: '15' },
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
  const peak = await peakOf(WORDS, 1);
  console.error(`peak: ${peak.toFixed(0)} requests a second`);
  const rows = [];
  for (const name of values.trials.split(',')) {
    for (const policy of TRIALS[name].policies ?? values.policies.split(',')) {
      const row = await trial(name, policy, peak);
      console.error(name, policy, JSON.stringify(row));
      rows.push({ name, policy, ...row });
    }
  }
  const text = report(peak, rows);
  console.log(text);
  writeFileSync(join(WORK, 'overload.json'), JSON.stringify({ peak, rows }, null, 2));
  if (values.results) writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
}

/** Answers per second in a closed loop, while everything is so many times slower. */
async function peakOf(words, slower) {
  return withService('wait', async ({ url }) => {
    const burners = burn(slower);
    try {
      const phase = { seconds: PEAK_SECONDS, connections: CONNECTIONS_AT_PEAK, words };
      const answers = await generate({ url, patienceMs: 0, phases: [phase] });
      const since = (ONSET_SECONDS / 2) * 1000;
      const until = PEAK_SECONDS * 1000;
      const inTime = answers.filter(
        ([, sent, took, status]) => status === 200 && sent + took > since && sent + took < until,
      );
      return (inTime.length / (until - since)) * 1000;
    } finally {
      burners.stop();
    }
  }, ['--max-wait', '0s']);
}

async function trial(name, policy, peak) {
  const { times, longer = 1, slower = 1, patienceMs = 0 } = TRIALS[name];
  const changed = longer > 1 || slower > 1;
  const changedPeak = changed ? await peakOf(WORDS.map((count) => count * longer), slower) : peak;
  const phases = [
    { seconds: CALM_SECONDS, rate: peak / 2, words: WORDS },
    ...(changed ? [{ seconds: SECONDS, rate: peak * times, words: WORDS }] : []),
    { seconds: SECONDS, rate: peak * times, words: WORDS.map((count) => count * longer) },
    { seconds: 2 * CALM_SECONDS, rate: peak / 2, words: WORDS },
  ];
  const middle = phases.length - 2;
  return withService(policy, async ({ server, url }) => {
    const before = phases.slice(0, middle).reduce((sum, { seconds }) => sum + seconds, 0);
    const burning = slower > 1 && sleep(before * 1000).then(() => burn(slower));
    const memories = [];
    const sampling = setInterval(() => memories.push(memory(server).now), 500);
    const answering = generate({ url, patienceMs, phases });
    if (burning) {
      const burners = await burning;
      await sleep(SECONDS * 1000);
      burners.stop();
    }
    const answers = await answering;
    clearInterval(sampling);
    // Nobody has gone away before the first has waited for as long as it puts up with.
    const onset = ONSET_SECONDS + patienceMs / 1000;
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
    };
  });
}

/** Seconds after the overload from which on everything was answered in time. */
function recovery(answers, end, slo) {
  const late = answers.filter(
    ([, sent, took, status]) => sent >= end && (status !== 200 || took > slo),
  );
  return Math.max(0, ...late.map(([, sent]) => (sent - end) / 1000));
}

async function withService(policy, use, flags = POLICIES[policy]) {
  const command = chorus(values.profile, ...NO_CACHE, ...flags);
  const server = await startServer(command, join(WORK, `${policy}.log`));
  try {
    return await use({ server, url: server.url });
  } finally {
    await stopServer(server);
  }
}

async function generate(plan) {
  const child = spawnOwned(process.execPath, [join(BENCH, 'overload', 'generator.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(plan));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the generator ended with ${code}`);
  return JSON.parse(text);
}

/** Processes that take all but a part of every core from the models. */
function burn(slower) {
  const loop = 'for (;;);';
  const count = Math.round((slower - 1) * availableParallelism());
  const children = Array.from({ length: count }, () =>
    // As urgent as what computes, so that it is this that gets slower.
    spawnOwned('nice', ['-n', '5', process.execPath, '-e', loop], { stdio: 'ignore' }),
  );
  return { stop: () => children.forEach((child) => child.kill('SIGKILL')) };
}

function report(peak, rows) {
  const percent = (share) => `${(share * 100).toFixed(0)} %`;
  const ms = (value) => (value === undefined ? '–' : value.toFixed(0));
  const table = rows.map((row) => [
    row.name,
    row.policy,
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
  ]);
  const head = ['trial', 'policy', 'offered/s', 'goodput/s', 'of the peak', 'p99 of answers ms', 'p99 of refusals ms'];
  const more = ['refused', 'went away', 'otherwise', 'recovered after s', 'memory'];
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`node bench/overload.mjs ${process.argv.slice(2).join(' ')}\``.trim(),
    '',
    ...describeMachine().map((line) => `- ${line}`),
    `- Profile ${values.profile}, texts of ${values.words.replace(',', ' to ')} words, none sent twice, no cache; SLO ${SLO_MS} ms, \`--max-wait ${values['max-wait']}\`. Peak: ${peak.toFixed(0)} requests a second.`,
    '',
    ...titled('Goodput under overload', [...head, ...more], table),
  ].join('\n');
}

await main();
