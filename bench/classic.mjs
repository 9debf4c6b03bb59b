// `make classic-bench`: a scikit-learn pipeline in Chorus, beside the service that people write for such a file.
//
//   node bench/classic.mjs --rounds 1 --duration 2s --step 1s --starts 1 --no-results
//
// Both are asked for every text first, and their labels compared; what they agree on is the load, of which every answer
// must have its label. Then they take turns, every other round backwards: closed loops, and an open one whose rate rises
// until its p99 is beyond the limit. After that: several processes behind nginx, and the time of a start. Server and load
// generator share the cores, so what a server makes of a second of a core is told as well.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { agreed, labelsOf } from './classic/answers.mjs';
import { parseOptions, USAGE } from './classic/options.mjs';
import { ramp } from './classic/ramp.mjs';
import { MARKERS, report } from './classic/report.mjs';
import { ROWS, send, withReplicas, withServers, WORK } from './classic/started.mjs';
import { TARGETS } from './classic/targets.mjs';
import { realTexts } from './classic/texts.mjs';
import { describeMachine } from './lib/machine.mjs';
import { writeResults } from './lib/markdown.mjs';
import { BENCH } from './lib/paths.mjs';
import { cpuSeconds, memory, resetPeak } from './lib/server.mjs';
import { medians, sum } from './lib/statistics.mjs';
import { missing } from './lib/targets.mjs';

/** Where an open loop begins, as a share of what the best closed loop got. */
const RAMP_FROM = 0.4;

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  const lacking = missing(options.targets, TARGETS);
  if (lacking.length > 0) throw new Error(lacking.join('\n'));
  mkdirSync(WORK, { recursive: true });
  for (const target of options.targets) TARGETS[target].setup?.();
  const texts = await agreedTexts(options);
  const run = { options, texts, samples: [], ramps: [], replicas: [], starts: [] };
  await inTurns(options, (target, round) => measure(run, target, round));
  for (const count of options.replicas)
    for (const target of options.targets) run.replicas.push(await replicas(target, count, options));
  for (let start = 0; start < options.starts; start++)
    for (const target of options.targets) run.starts.push(await timeOfStart(target));
  conclude(run);
}

/** Calls `step` with every target of every round. */
async function inTurns({ targets, rounds }, step) {
  for (let round = 0; round < rounds; round++)
    for (const target of round % 2 === 0 ? targets : targets.toReversed())
      await step(target, round);
}

/** Writes the texts that all targets give the same label, and tells what they are. */
async function agreedTexts({ targets, texts: most }) {
  const { name, texts: all } = realTexts();
  const texts = all.slice(0, most);
  const lists = [];
  for (const target of targets)
    lists.push(await withServers(target, 1, ([server]) => labelsOf(server, texts)));
  const { rows, wrong } = agreed(texts, lists);
  if (rows.length === 0) throw new Error('the targets agree on the label of no text');
  writeFileSync(ROWS, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const meanLength = sum(texts.map(({ length }) => length)) / texts.length;
  return { name, count: texts.length, meanLength, wrong };
}

async function measure(run, target, round) {
  const { connections, duration, warmup } = run.options;
  await withServers(target, 1, async ([server]) => {
    const load = (how) => send(server.port, [server], how);
    await load({ connections: Math.max(...connections), duration: warmup });
    const samples = [];
    for (const count of connections) {
      resetPeak(server);
      const figures = await load({ connections: count, duration });
      const place = { target, round, texts: run.texts.name, connections: count };
      samples.push({ ...place, ...figures, ...memory(server) });
      tell(`round ${round + 1}  ${target}  ${count} connections`, figures);
    }
    run.samples.push(...samples);
    const start = Math.ceil(Math.max(...samples.map(({ rps }) => rps)) * RAMP_FROM);
    run.ramps.push({
      target,
      round,
      ...(await ramp((rate) => atRate(rate, load, run.options), start)),
    });
  });
}

/** One step of an open loop: it is borne where all was sent, and answered rightly and in time. */
async function atRate(rate, load, { limit, step }) {
  // Twice as many connections as a rate needs that is answered in the limit.
  const connections = Math.ceil((rate * 2 * limit) / 1000) + 1;
  const figures = await load({ rate, connections, duration: step });
  const isBorne = figures.p99 <= limit && figures.dropped === 0 && figures.failed === 0;
  tell(`  ${rate} a second${isBorne ? '' : ', too many'}`, figures);
  return { rate, isBorne, ...figures };
}

async function replicas(target, count, { connections, duration, warmup }) {
  const most = Math.max(...connections);
  return withReplicas(target, count, async (balancer, servers) => {
    const load = (seconds) =>
      send(balancer.port, servers, { connections: most, duration: seconds });
    // Each process gets a part of the requests, and needs as many as one alone until its code is compiled.
    for (let process = 0; process < count; process++) await load(warmup);
    const before = cpuSeconds(balancer);
    const figures = await load(duration);
    const ofBalancer = (cpuSeconds(balancer) - before) / figures.seconds;
    const rss = sum(servers.map((server) => memory(server).now));
    tell(`${count} processes  ${target}`, figures);
    return { target, count, ...figures, ofBalancer, rss };
  });
}

async function timeOfStart(target) {
  return withServers(target, 1, ([server]) => {
    const { readyMs } = server;
    return { target, readyMs, rss: memory(server).now };
  });
}

function tell(what, { rps, p50, p99, failed, failedChecks, dropped }) {
  const wrong = failed > 0 ? `, ${failed} wrong: ${JSON.stringify(failedChecks)}` : '';
  const unsent = dropped > 0 ? `, ${dropped} not sent` : '';
  console.error(
    `${what}: ${rps.toFixed(0)} req/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms${unsent}${wrong}`,
  );
}

/** What was measured as text and as JSON, its place in RESULTS.md, and the exit status. */
function conclude(run) {
  const { options, samples } = run;
  const sets = [{ name: run.texts.name, connections: options.connections }];
  const cells = medians(samples, options.targets, sets);
  const command = `node bench/classic.mjs ${process.argv.slice(2).join(' ')}`.trim();
  const about = { command, machine: describeMachine() };
  const text = report({ ...run, ...about, cells });
  console.log(`\n${text}`);
  const file = join(WORK, 'run.json');
  writeFileSync(file, `${JSON.stringify({ ...about, ...run, cells }, null, 2)}\n`);
  console.error(`figures: ${file}`);
  if (options.results) writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
  if (run.texts.wrong > 0 || isWrong(run)) process.exitCode = 1;
}

/** Whether a label was wrong anywhere, or an answer missing where there was no more than the service bears. */
function isWrong({ samples, ramps, replicas }) {
  const borne = [...samples, ...replicas, ...ramps.flatMap(({ best }) => best ?? [])];
  const beyond = ramps.map(
    ({ first }) => first.failedChecks['prediction: the label is right'] ?? 0,
  );
  return sum([...borne.map(({ failed }) => failed), ...beyond]) > 0;
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
