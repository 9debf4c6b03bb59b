// `make sentiment`: Chorus as a sentiment service with its caches, beside the service that people run today.
//
//   node bench/sentiment.mjs --targets exact-redis,peer --rates 0.95,0 --rounds 3 --duration 20s
//
// Every round starts each target afresh with an empty Redis, one at a time, and measures every cache rate; every
// other round goes through the targets backwards. Their answers are compared with the peer's. A target that
// cannot be made ready or ends is left out and named. Two more commands: see sentiment/replicas.mjs and
// sentiment/soak.mjs.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeMachine } from './lib/machine.mjs';
import { writeResults } from './lib/markdown.mjs';
import { BENCH } from './lib/paths.mjs';
import { beginRun, saveRun } from './lib/progress.mjs';
import { memory, resetPeak } from './lib/server.mjs';
import { medians, sum } from './lib/statistics.mjs';
import { missing } from './lib/targets.mjs';
import { answersOf } from './sentiment/answers.mjs';
import { parseOptions, USAGE } from './sentiment/options.mjs';
import { replicas } from './sentiment/replicas.mjs';
import { compared, heading, markers, percent, report } from './sentiment/report.mjs';
import { soak } from './sentiment/soak.mjs';
import { closedLoop, withServers, WORK } from './sentiment/started.mjs';
import { checkpoints, TARGETS } from './sentiment/targets.mjs';

/** What was measured so far; see lib/progress.mjs. */
const RUN_FILE = join(WORK, 'run.json');

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  requireAll(options);
  mkdirSync(WORK, { recursive: true });
  if (options.command === 'compare') return compare(options);
  TARGETS[options.targets[0]].setup?.();
  const found = await (options.command === 'soak' ? soak(options) : replicas(options));
  conclude(options, found);
}

function requireAll(options) {
  const lacking = missing(options.targets, TARGETS);
  const folder = checkpoints(options);
  if (options.targets.some((target) => target !== 'stub') && !existsSync(folder))
    lacking.push(
      `${folder} is missing: run node bench/synthetic/make.mjs --sentiment${options.tiny ? ' --tiny' : ''}`,
    );
  if (lacking.length > 0) throw new Error(lacking.join('\n'));
}

async function compare(options) {
  const { targets, rounds } = options;
  const run = { answers: {}, ...beginRun(RUN_FILE, options.key, options.resume) };
  for (const target of targets) await attempt(run, target, () => TARGETS[target].setup?.());
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? targets : targets.toReversed();
    for (const target of order) {
      const place = `${round} ${target}`;
      if (run.done.includes(place)) continue;
      await attempt(run, target, () => measure(run, target, round, options));
      run.done.push(place);
      saveRun(RUN_FILE, run);
    }
  }
  const sets = options.rates.map((rate) => ({
    name: rateName(rate),
    connections: [options.connections],
  }));
  const cells = medians(run.samples, targets, sets);
  const text = report({ ...run, cells, options });
  const isWrong = compared(run.answers).some(({ wrong }) => wrong > 0);
  const isFailed = run.samples.some(({ failed }) => failed > 0);
  const bad = isWrong || isFailed || run.skipped.length > 0;
  conclude(options, { text, figures: { ...run, cells }, bad });
}

/** What was measured as text and as JSON, its place in RESULTS.md, and the exit status. */
function conclude(options, { text, figures, bad }) {
  const command = `node bench/sentiment.mjs ${process.argv.slice(2).join(' ')}`.trim();
  const about = { command, machine: describeMachine() };
  const whole = `${heading(about, options)}\n\n${text}`;
  console.log(`\n${whole}`);
  const file = join(WORK, `${options.command}.json`);
  writeFileSync(file, `${JSON.stringify({ ...about, ...figures }, null, 2)}\n`);
  console.error(`figures: ${file}`);
  if (options.results) writeResults(join(BENCH, 'RESULTS.md'), whole, markers(options.command));
  if (bad) process.exitCode = 1;
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

async function measure(run, target, round, options) {
  await withServers(target, 1, options, async ([{ server, base }]) => {
    const url = `${base}${options.route}`;
    const start = { target, readyMs: server.readyMs, rss: memory(server).now };
    const samples = [];
    run.answers[target] ??= await answersOf(url);
    for (const rate of options.rates) {
      await closedLoop(url, rate, { ...options, duration: options.warmup });
      resetPeak(server);
      const line = await closedLoop(url, rate, options);
      const { now, peak } = memory(server);
      const place = { target, round, texts: rateName(rate), connections: options.connections };
      samples.push({ ...place, ...figuresOf(line), rss: now, peak });
      tell(samples.at(-1));
    }
    run.starts.push(start);
    run.samples.push(...samples);
  });
}

function rateName(rate) {
  return `cache rate ${rate}`;
}

function figuresOf({ requestsPerSecond, seconds, latencyMs, cache, ...counts }) {
  const [p50, p95, p99, p9999] = ['med', 'p(95)', 'p(99)', 'p(99.99)'].map(
    (name) => latencyMs[name],
  );
  const told = sum(Object.values(cache)) - cache.none;
  // Undefined where no answer says anything: there is no cache, or it does not tell.
  const hitRate = told > 0 ? cache.hit / told : undefined;
  return { rps: requestsPerSecond, seconds, p50, p95, p99, p9999, hitRate, cache, ...counts };
}

function tell({ round, target, texts, rps, p50, p9999, hitRate, failed, failedChecks }) {
  const wrong = failed > 0 ? `, ${failed} wrong: ${JSON.stringify(failedChecks)}` : '';
  console.error(
    `round ${round + 1}  ${target}  ${texts}: ${rps.toFixed(1)} req/s, p50 ${p50.toFixed(1)} ms, ` +
      `p99.99 ${p9999.toFixed(1)} ms, hits ${percent(hitRate)}${wrong}`,
  );
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
