// A run of `bench/classic.mjs` as Markdown.

import { figure, mebibytes, NOTHING, times, titled } from '../lib/markdown.mjs';
import { find, median, sum } from '../lib/statistics.mjs';
import { REFERENCE, TARGETS } from './targets.mjs';

/** What stands before and after the report in RESULTS.md. */
export const MARKERS = [
  '<!-- classic:begin (written by bench/classic.mjs; do not edit) -->',
  '<!-- classic:end -->',
];

/** @param run `{options, texts, cells, ramps, replicas, starts, machine, command}`; see ../classic.mjs */
export function report(run) {
  return [
    heading(run),
    closedTable(run),
    ratioTable(run),
    openTable(run),
    replicaTable(run),
    targetTable(run),
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function heading({ options, texts, machine, command }) {
  const { rounds, duration, warmup, step, limit } = options;
  const agreement =
    options.targets.length < 2
      ? 'not compared'
      : texts.wrong === 0
        ? 'the same label by all targets'
        : `another label by one of the targets for ${texts.wrong} of them`;
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`${command}\``,
    '',
    ...machine.map((line) => `- ${line}`),
    `- Texts: ${texts.count} (${texts.name}), ${Math.round(texts.meanLength)} characters on average; ${agreement}.`,
    `- Medians of ${rounds} round${rounds === 1 ? '' : 's'}, in turns; closed loops of ${duration} after ${warmup} of warming up, open ones of ${step} for each rate, borne where in one of two tries p99 is at most ${limit} ms and all is sent and right. Brackets: lowest and highest round. Server and load generator share the cores; answers per core: what came of each second of CPU time of the server.`,
  ];
}

function closedTable({ cells, options }) {
  const rows = options.connections.flatMap((count) =>
    cells
      .filter(({ connections }) => connections === count)
      .map((cell) => [
        `${cell.target}, ${count}`,
        ranged(cell.rps, cell.spread),
        ...[cell.p50, cell.p95, cell.p99, cell.cores, cell.perCore].map(figure),
      ]),
  );
  const head = [
    'target, connections',
    'req/s',
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'cores',
    'answers per core',
  ];
  return titled('Closed loops', head, rows);
}

/** What each target does of what the peer does, in the same run. */
function ratioTable({ cells, ramps, texts, options }) {
  const others = options.targets.filter((target) => target !== REFERENCE);
  if (others.length === options.targets.length) return [];
  const ratios = (target, key) =>
    options.connections.map((count) => {
      const [own, peer] = [target, REFERENCE].map((name) => find(cells, name, texts.name, count));
      return times(own[key] / peer[key]);
    });
  const rows = others.flatMap((target) => [
    [`${target}: req/s`, ...ratios(target, 'rps'), ratioOfRates(ramps, target)],
    [`${target}: answers per core`, ...ratios(target, 'perCore'), NOTHING],
  ]);
  const head = [`÷ ${REFERENCE}`, ...options.connections.map(String), 'highest rate'];
  return titled('Ratios, by connections', head, rows);
}

function ratioOfRates(ramps, target) {
  const [own, peer] = [target, REFERENCE].map((name) => middleRamp(ramps, name).best?.rate);
  return times(own && peer && own / peer);
}

function openTable({ ramps, options }) {
  const rows = options.targets.map((target) => {
    const { best, first } = middleRamp(ramps, target);
    const rates = ofTarget(ramps, target).map((round) => round.best?.rate ?? 0);
    return [
      target,
      best ? ranged(best.rate, [Math.min(...rates), Math.max(...rates)]) : NOTHING,
      ...[best?.p50, best?.p99, best?.cores].map((value) => (best ? figure(value) : NOTHING)),
      first.rate,
      figure(first.p99),
      first.dropped,
    ];
  });
  const head = ['', 'req/s', 'p50 ms', 'p99 ms', 'cores', 'too many', 'p99 ms', 'not sent'];
  return titled(`The highest rate with p99 of at most ${options.limit} ms`, head, rows);
}

/** The round whose highest rate is the median; of two the lower. */
function middleRamp(ramps, target) {
  const sorted = ofTarget(ramps, target).sort((a, b) => (a.best?.rate ?? 0) - (b.best?.rate ?? 0));
  return sorted[(sorted.length - 1) >> 1];
}

function replicaTable({ replicas, options }) {
  const rows = replicas.map((line) => [
    `${line.target}, ${line.count}`,
    ...[line.rps, line.p50, line.p99, line.cores, line.ofBalancer, line.perCore].map(figure),
    mebibytes(line.rss),
    line.failed,
  ]);
  const most = Math.max(...options.connections);
  const head = ['target, processes', 'req/s', 'p50 ms', 'p99 ms', 'cores', "nginx's cores"];
  const more = ['answers per core', 'memory', 'wrong or failed'];
  return titled(`Processes behind nginx, ${most} connections`, [...head, ...more], rows);
}

function targetTable({ cells, starts, options }) {
  const rows = options.targets.map((target) => {
    const own = ofTarget(cells, target);
    const started = ofTarget(starts, target);
    const readyMs = started.map((start) => start.readyMs);
    return [
      target,
      TARGETS[target].what,
      `${ranged(median(readyMs), [Math.min(...readyMs), Math.max(...readyMs)])} ms`,
      mebibytes(median(started.map(({ rss }) => rss))),
      mebibytes(Math.max(...own.map(({ peak }) => peak))),
      sum(own.map(({ answers }) => answers)),
      sum(own.map(({ failed }) => failed)),
    ];
  });
  const ready = `ready after (median of ${options.starts})`;
  const head = [
    '',
    'what',
    ready,
    'memory when ready',
    'peak memory',
    'answers',
    'wrong or failed',
  ];
  return titled('Targets', head, rows);
}

function ofTarget(entries, target) {
  return entries.filter((entry) => entry.target === target);
}

function ranged(value, [lowest, highest]) {
  return lowest === highest
    ? figure(value)
    : `${figure(value)} (${figure(lowest)}–${figure(highest)})`;
}
