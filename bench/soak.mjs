// `make soak`: what is left after a long time under load and abuse.
//
//   node bench/soak.mjs [--phases 0.7:30,1.1:10] [--profile starter] [--texts 400] [--results]
//
// Phases are a share of the peak and minutes. Texts are drawn at random from a fixed set, one in twenty of them long;
// what they are answered in either precision was asked one at a time before. Meanwhile soak/abuse.mjs goes on, and the
// service reloads in turn from one precision to the other. An answer is wrong unless it is one of those two, byte for
// byte: so is one from a mix of generations.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { Connections } from './lib/connections.mjs';
import { withKnownAnswers } from './lib/known-answers.mjs';
import { describeMachine } from './lib/machine.mjs';
import { mebibytes, NOTHING, titled, writeResults } from './lib/markdown.mjs';
import { BENCH } from './lib/paths.mjs';
import { memory, reload, startServer, stopServer } from './lib/server.mjs';
import { percentile, slope } from './lib/statistics.mjs';
import { chorus, NO_CACHE } from './lib/targets.mjs';
import { randomWords } from './lib/words.mjs';
import { abuse } from './soak/abuse.mjs';

const WORK = join(BENCH, '.work', 'soak');
const MARKERS = [
  '<!-- soak:begin (written by bench/soak.mjs; do not edit) -->',
  '<!-- soak:end -->',
];
const SHORT_WORDS = [5, 40];
const LONG_WORDS = [1500, 2500];
const LONG_EVERY = 20;
const CONNECTIONS_AT_PEAK = 64;
const PEAK_SECONDS = 20;
const RELOAD_EVERY_MS = 60_000;
const SAMPLE_EVERY_MS = 5000;
/** By then every thread has its memory and every loop is compiled; what comes later is growth. */
const SETTLED_MINUTES = 5;
/** The peak is that of the last, the slower. */
const PRECISIONS = ['int8', 'exact'];
/** The load's connections that wait for a request. */
const MOST_IDLE = 64;
/** A client that opens connections for ever to a service that stands still would end at its own limit. */
const MOST_OPEN = 10_000;

const { values } = parseArgs({
  options: {
    phases: { type: 'string', default: '0.7:30,1.1:10' },
    profile: { type: 'string', default: 'starter' },
    texts: { type: 'string', default: '400' },
    results: { type: 'boolean', default: false },
  },
});
const PHASES = values.phases.split(',').map((phase) => {
  const [share, minutes] = phase.split(':').map(Number);
  return { share, minutes };
});

async function main() {
  mkdirSync(WORK, { recursive: true });
  const command = chorus(values.profile, ...NO_CACHE, '--reload-other', '--log-level', 'warn');
  const server = await startServer(command, join(WORK, 'server.log'));
  try {
    const serve = (precision) => reload(server, values.profile, precision);
    const connections = new Connections(new URL(server.url), 0, MOST_IDLE);
    const turns = PRECISIONS.map((precision) => () => serve(precision));
    const texts = await withKnownAnswers(connections, drawnTexts(), turns);
    const peak = await peakOf(connections, texts);
    const rows = [];
    for (const phase of PHASES) {
      const row = await soak(server, connections, texts, serve, phase, peak);
      console.error(JSON.stringify(row));
      rows.push(row);
    }
    const text = report(rows, peak);
    console.log(text);
    if (values.results) writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
    if (rows.some(({ wrong, broken }) => wrong + broken > 0)) process.exitCode = 1;
  } finally {
    await stopServer(server);
  }
}

/** One in twenty is long. */
function drawnTexts() {
  return Array.from({ length: Number(values.texts) }, (_, index) =>
    randomWords(index % LONG_EVERY === 0 ? LONG_WORDS : SHORT_WORDS),
  );
}

/** Answers per second in a closed loop. */
async function peakOf(connections, texts) {
  const end = performance.now() + PEAK_SECONDS * 1000;
  let answered = 0;
  const loop = async () => {
    while (performance.now() < end) {
      await connections.send(drawn(texts).request);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS_AT_PEAK }, loop));
  return answered / PEAK_SECONDS;
}

async function soak(server, connections, texts, serve, { share, minutes }, peak) {
  const rate = peak * share;
  const counts = { answered: 0, refused: 0, wrong: 0, broken: 0, otherwise: 0 };
  const took = [];
  const samples = [];
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  const sampling = setInterval(() => samples.push(sample(server, elapsed())), SAMPLE_EVERY_MS);
  const abused = abuse(new URL(server.url));
  const reloads = reloading(serve);
  const send = async () => {
    if (connections.open >= MOST_OPEN) {
      counts.otherwise += 1;
      return;
    }
    const { request, right } = drawn(texts);
    const sent = performance.now();
    const { status, body } = await connections.send(request);
    if (status === 200) {
      counts[right.has(body) ? 'answered' : 'wrong'] += 1;
      took.push(performance.now() - sent);
    } else if (status === 503) counts.refused += 1;
    else if (status === -1) counts.broken += 1;
    else counts.otherwise += 1;
  };
  const total = Math.floor(rate * minutes * 60);
  for (let sent = 0; sent < total; sent++) {
    const early = (sent / rate) * 1000 - elapsed();
    if (early > 1) await sleep(early);
    void send();
  }
  await connections.idle();
  clearInterval(sampling);
  const abuses = await abused.stop();
  const reloaded = await reloads.stop();
  const settled = samples.filter(({ minute }) => minute >= Math.min(SETTLED_MINUTES, minutes / 3));
  writeFileSync(join(WORK, `samples-${share}.json`), JSON.stringify(samples));
  return { share, minutes, rate, ...counts, took: spread(took), settled: growth(settled), abuses, reloaded };
}

function drawn(texts) {
  return texts[Math.floor(Math.random() * texts.length)];
}

function sample(server, elapsed) {
  const { pid } = server.child;
  return {
    minute: elapsed / 60_000,
    memory: memory(server).now,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** From one precision to the other until it is stopped, which gives how often. */
function reloading(serve) {
  const controller = new AbortController();
  const run = async () => {
    let done = 0;
    for (;;) {
      try {
        await sleep(RELOAD_EVERY_MS, undefined, { signal: controller.signal });
      } catch {
        return done;
      }
      await serve(PRECISIONS[done % PRECISIONS.length]);
      done += 1;
    }
  };
  const running = run();
  return {
    stop: () => {
      controller.abort();
      return running;
    },
  };
}

function spread(took) {
  return { p50: percentile(took, 0.5), p99: percentile(took, 0.99) };
}

/** What a sample has at first, at last and at most, and its growth in a minute. */
function growth(samples) {
  const of = (key) => {
    const all = samples.map((each) => each[key]);
    const perMinute = slope(samples.map((each) => [each.minute, each[key]]));
    return { first: all.at(0), last: all.at(-1), most: Math.max(...all), perMinute };
  };
  return { memory: of('memory'), descriptors: of('descriptors'), threads: of('threads') };
}

function report(rows, peak) {
  const count = (number) => number.toLocaleString('en-US', { maximumFractionDigits: 0 });
  const ms = (value) => (value === undefined ? NOTHING : value.toFixed(0));
  const answers = rows.map(({ share, minutes, rate, took, ...row }) => [
    `${(share * 100).toFixed(0)} %`,
    minutes,
    rate.toFixed(0),
    count(row.answered),
    count(row.refused),
    row.wrong,
    row.broken + row.otherwise,
    ms(took.p50),
    ms(took.p99),
    row.reloaded,
  ]);
  const process = rows.map(({ share, settled: { memory: rss, descriptors, threads } }) => [
    `${(share * 100).toFixed(0)} %`,
    mebibytes(rss.first),
    mebibytes(rss.last),
    mebibytes(rss.most),
    `${(rss.perMinute / 2 ** 20).toFixed(2)} MiB`,
    `${descriptors.first} to ${descriptors.last}, at most ${descriptors.most}`,
    `${threads.first} to ${threads.last}`,
  ]);
  const kinds = Object.keys(rows[0].abuses);
  const abuses = kinds.map((kind) => [kind, ...rows.map(({ abuses: done }) => count(done[kind]))]);
  const shares = rows.map(({ share }) => `at ${(share * 100).toFixed(0)} %`);
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`node bench/soak.mjs ${globalThis.process.argv.slice(2).join(' ')}\``,
    '',
    ...describeMachine().map((line) => `- ${line}`),
    `- Profile ${values.profile}, ${values.texts} texts of ${SHORT_WORDS.join(' to ')} words, one in ${LONG_EVERY} of ${LONG_WORDS.join(' to ')}; no cache; peak of ${PRECISIONS.at(-1)} ${peak.toFixed(0)} a second with ${CONNECTIONS_AT_PEAK} connections; a reload to the other precision every ${RELOAD_EVERY_MS / 1000} s. Load, abuse and service share the cores.`,
    '',
    ...titled(
      'Answers',
      ['load', 'minutes', 'offered/s', 'answered', 'refused (503)', 'wrong', 'otherwise', 'p50 ms', 'p99 ms', 'reloads'],
      answers,
    ),
    '',
    ...titled(
      `The process, after the first ${SETTLED_MINUTES} minutes`,
      ['load', 'memory at first', 'at last', 'at most', 'a minute', 'descriptors', 'threads'],
      process,
    ),
    '',
    ...titled('Abuse meanwhile', ['what', ...shares], abuses),
  ].join('\n');
}

await main();
