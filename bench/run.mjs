// `make bench`: measures servers under a closed loop, side by side, and writes a Markdown table.
//
//   node bench/run.mjs --targets starter,synthetic,single,peer --rounds 3 --duration 20s
//
// Every round starts each target afresh, one at a time, and measures every set of texts at every
// number of connections; every other round goes through the targets backwards, so that a machine that
// slows down harms all alike. Within a round all targets get the same texts in the same order.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { runLoad } from './lib/k6.mjs';
import { describeMachine } from './lib/machine.mjs';
import { parseOptions, USAGE } from './lib/options.mjs';
import { BENCH } from './lib/paths.mjs';
import { report, writeResults } from './lib/report.mjs';
import { memory, resetPeak, startServer, stopServer } from './lib/server.mjs';
import { missing, TARGETS } from './lib/targets.mjs';
import { textSet } from './lib/texts.mjs';

const WORK = join(BENCH, '.work');
/** Rounds send different texts, each from so many further on; warming up sends others again. */
const ROUND_OFFSET = 997;
const WARMUP_OFFSET = 4001;

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  const lacking = missing(options.targets);
  if (lacking.length > 0) throw new Error(lacking.join('\n'));
  mkdirSync(WORK, { recursive: true });
  const sets = new Map(
    options.texts.map((name) => textSet(name, WORK)).map((set) => [set.name, set]),
  );
  const machine = describeMachine();
  const samples = [];
  const starts = [];
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? options.targets : options.targets.toReversed();
    for (const target of order)
      await measureTarget(target, round, [...sets.values()], options, samples, starts);
  }
  sortLike(samples, options.targets);
  sortLike(starts, options.targets);
  const command = `node bench/run.mjs ${process.argv.slice(2).join(' ')}`.trim();
  const text = report({ samples, starts, options, machine, command });
  console.log(`\n${text}`);
  if (options.results) writeResults(join(BENCH, 'RESULTS.md'), text);
  if (samples.some(({ failed }) => failed > 0)) process.exitCode = 1;
}

async function measureTarget(target, round, sets, options, samples, starts) {
  const { command, models } = TARGETS[target];
  const server = await startServer(command, join(WORK, `${target}.log`));
  try {
    starts.push({ target, readyMs: server.readyMs, rss: memory(server).now });
    for (const { name, path } of sets) {
      for (const connections of options.connections) {
        const load = {
          url: server.url,
          texts: path,
          connections,
          offset: round * ROUND_OFFSET,
          models,
        };
        await runLoad(
          { ...load, offset: load.offset + WARMUP_OFFSET, duration: options.warmup },
          WORK,
        );
        resetPeak(server);
        const figures = await runLoad({ ...load, duration: options.duration }, WORK);
        const { now, peak } = memory(server);
        samples.push(sample({ target, texts: name, connections, round, rss: now, peak }, figures));
      }
    }
  } finally {
    await stopServer(server);
  }
}

function sample(place, measured) {
  const { requestsPerSecond, latencyMs, answers, failed, failedChecks, meanLength } = measured;
  const figures = {
    rps: requestsPerSecond,
    p50: latencyMs.med,
    p95: latencyMs['p(95)'],
    p99: latencyMs['p(99)'],
  };
  const line = { ...place, ...figures, answers, failed, meanLength };
  const wrong = failed > 0 ? `, ${failed} wrong: ${JSON.stringify(failedChecks)}` : '';
  console.error(
    `round ${place.round + 1}  ${place.target}  ${place.texts}  ${place.connections} connections: ` +
      `${line.rps.toFixed(2)} req/s, p50 ${line.p50.toFixed(1)} ms${wrong}`,
  );
  return line;
}

/** Rounds that went backwards must not decide the order of the table. */
function sortLike(entries, targets) {
  entries.sort(
    (a, b) =>
      (a.round ?? 0) - (b.round ?? 0) || targets.indexOf(a.target) - targets.indexOf(b.target),
  );
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
