// `make bench` and `make peers`: measures servers under a closed loop, side by side, and writes Markdown.
//
//   node bench/run.mjs --targets starter,synthetic,single,peer --rounds 3 --duration 20s
//
// Every round starts each target afresh, one at a time, and measures every set of texts at every
// number of connections; every other round goes through the targets backwards, so that a machine that
// slows down harms all alike. Within a round all targets get the same texts in the same order. A target
// that cannot be made ready, ends or answers wrongly is left out and named, and the others go on. Peers
// that were far behind the fastest of their precision everywhere are measured in the first round only.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { chart } from './lib/chart.mjs';
import { isContender } from './lib/compare.mjs';
import { measurePeaks, usefulGflop } from './lib/flops.mjs';
import { runLoad } from './lib/k6.mjs';
import { describeMachine } from './lib/machine.mjs';
import { writeResults } from './lib/markdown.mjs';
import { parseOptions, USAGE } from './lib/options.mjs';
import { BENCH } from './lib/paths.mjs';
import { beginRun, saveRun } from './lib/progress.mjs';
import { MARKERS, report } from './lib/report.mjs';
import { memory, resetPeak, startServer, stopServer } from './lib/server.mjs';
import { medians } from './lib/statistics.mjs';
import { missing, TARGETS } from './lib/targets.mjs';
import { textSet } from './lib/texts.mjs';
import { countTokens, tokensOf } from './lib/tokens.mjs';
import { verify } from './lib/verify.mjs';

const WORK = join(BENCH, '.work');
/** What was measured so far; see progress.mjs. */
const RUN_FILE = join(WORK, 'run.json');
/** Rounds send different texts, each from so many further on; warming up sends others again. */
const ROUND_OFFSET = 997;
const WARMUP_OFFSET = 4001;
const WARMUP_CONNECTIONS = 10;

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  const lacking = missing(options.targets);
  if (lacking.length > 0) throw new Error(lacking.join('\n'));
  mkdirSync(WORK, { recursive: true });
  const { targets, rounds } = options;
  const run = beginRun(RUN_FILE, options.key, options.resume);
  // Environments and graphs, before anything is measured.
  for (const target of targets) await attempt(run, target, () => TARGETS[target].setup?.());
  // Only full-size models have a known price, and only for them tokens are counted.
  const fullSize = targets.some((target) => TARGETS[target].precision);
  run.peaks ??= fullSize ? measurePeaks() : null;
  const sets = textSets(options.texts, fullSize);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? targets : targets.toReversed();
    for (const target of order) {
      const place = `${round} ${target}`;
      const first = run.samples.filter((sample) => sample.round === 0);
      if (run.done.includes(place) || (round > 0 && !isContender(first, target))) continue;
      await attempt(run, target, () => measure(run, target, round, sets, options));
      run.done.push(place);
      saveRun(RUN_FILE, run);
    }
  }
  conclude(run, medians(run.samples, targets, sets), options);
}

/** Tables, chart and exit status. */
function conclude({ samples, starts, skipped, peaks }, cells, options) {
  const command = `node bench/run.mjs ${process.argv.slice(2).join(' ')}`.trim();
  const machine = describeMachine();
  const text = report({ cells, starts, skipped, peaks, options, machine, command });
  console.log(`\n${text}`);
  if (options.results) writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
  if (options.chart) writeFileSync(options.chart, chart(cells));
  const ownSkipped = skipped.some(({ target }) => !TARGETS[target].isPeer);
  if (ownSkipped || samples.some(({ failed }) => failed > 0)) process.exitCode = 1;
}

/** Does `step` unless the target was left out; leaves it out where the step fails. */
async function attempt(run, target, step) {
  if (run.skipped.some((entry) => entry.target === target)) return;
  try {
    await step();
  } catch (error) {
    console.error(`${target} is left out: ${error.message}`);
    run.skipped.push({ target, reason: error.message });
  }
}

function textSets(wanted, fullSize) {
  const sets = wanted.map(({ name, connections }) => ({ ...textSet(name, WORK), connections }));
  // Without the shared data they are all the same.
  const distinct = sets.filter(
    (set, index) => sets.findIndex(({ name }) => name === set.name) === index,
  );
  return fullSize
    ? distinct.map((set) => ({ ...set, tokens: countTokens(set.texts, WORK) }))
    : distinct;
}

async function measure(run, target, round, sets, options) {
  const { command, models, precision } = TARGETS[target];
  const server = await startServer(command, join(WORK, `${target}.log`));
  const start = { target, readyMs: server.readyMs, rss: memory(server).now };
  const samples = [];
  try {
    if (round === 0 && precision) {
      const off = await verify(server.url, TARGETS[target]);
      console.error(`${target}: right answers, scores at most ${off.toExponential(1)} off`);
    }
    for (const set of sets) {
      const offset = round * ROUND_OFFSET;
      const load = { url: server.url, texts: set.path, offset, models };
      await warmUp(load, options);
      for (const connections of set.connections) {
        const figures = await measureLine({ ...load, connections }, server, options);
        const sample = { target, texts: set.name, connections, round, ...figures };
        samples.push({ ...sample, ...useful(sample, load, set, run.peaks) });
        tell(samples.at(-1));
      }
    }
  } finally {
    await stopServer(server);
  }
  run.starts.push(start);
  run.samples.push(...samples);
}

async function warmUp(load, { warmup }) {
  const offset = load.offset + WARMUP_OFFSET;
  await runLoad({ ...load, connections: WARMUP_CONNECTIONS, offset, duration: warmup }, WORK);
}

async function measureLine(load, server, { duration }) {
  resetPeak(server);
  const line = await runLoad({ ...load, duration }, WORK);
  const { requestsPerSecond, seconds, latencyMs, ...counts } = line;
  const { now, peak } = memory(server);
  const [p50, p95, p99] = ['med', 'p(95)', 'p(99)'].map((name) => latencyMs[name]);
  return { rps: requestsPerSecond, seconds, p50, p95, p99, ...counts, rss: now, peak };
}

/** Useful GFLOP/s of one measurement and U; texts are answered in order, so which ones is known. */
function useful({ target, answers, seconds }, { offset, models }, { tokens }, peaks) {
  const { precision } = TARGETS[target];
  if (!precision) return {};
  let gflop = 0;
  for (let index = 0; index < answers; index++) {
    const counts = tokens[(offset + index) % tokens.length];
    for (const model of models) gflop += usefulGflop(tokensOf(counts, model));
  }
  const gflops = gflop / seconds;
  return { gflops, u: peaks[precision] ? gflops / peaks[precision] : undefined };
}

function tell({ round, target, texts, connections, rps, p50, u, failed, failedChecks }) {
  const share = u === undefined ? '' : `, U ${u.toFixed(2)}`;
  const wrong = failed > 0 ? `, ${failed} wrong: ${JSON.stringify(failedChecks)}` : '';
  console.error(
    `round ${round + 1}  ${target}  ${texts}  ${connections} connections: ` +
      `${rps.toFixed(2)} req/s, p50 ${p50.toFixed(1)} ms${share}${wrong}`,
  );
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
