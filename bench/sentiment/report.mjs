// A run of `bench/sentiment.mjs` as Markdown: what every command says of itself, and the tables of `compare`.

import { fastest } from '../lib/compare.mjs';
import { figure, lastLine, mebibytes, NOTHING, times, titled, unique } from '../lib/markdown.mjs';
import { find, median, sum } from '../lib/statistics.mjs';
import { difference, TOLERANCE } from './answers.mjs';
import { REFERENCE, TARGETS } from './targets.mjs';

/** What stands before and after the report of a command in RESULTS.md. */
export function markers(name) {
  return [
    `<!-- sentiment ${name}:begin (written by bench/sentiment.mjs; do not edit) -->`,
    `<!-- sentiment ${name}:end -->`,
  ];
}

/** When, how and on what a run was measured. */
export function heading({ command, machine }, { tiny }) {
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`${command}\``,
    '',
    ...machine.map((line) => `- ${line}`),
    `- ${tiny ? 'A DistilBERT of next to no work: a smoke run, not a result' : 'DistilBERT with 66 million random weights'}; server, Redis and load generator share the cores.`,
  ].join('\n');
}

/** The tables of `compare`; `run` is `{cells, starts, skipped, answers, options}`, see ../sentiment.mjs. */
export function report(run) {
  const { cells, skipped } = run;
  return [
    method(run.options),
    ratioTable(cells, run.options),
    ...unique(cells, 'texts').map((rate) => rateTable(cells, rate, run.options)),
    answerTable(run.answers),
    targetTable(run),
    skipped.map(({ target, reason }) => `- Left out: ${target}: ${lastLine(reason)}`),
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function method({ rounds, duration, warmup, connections }) {
  return [
    `${connections} connections in a closed loop; medians of ${rounds} round${rounds === 1 ? '' : 's'}, each ${duration} after ${warmup} of warming up. Brackets: lowest and highest round. A request has three texts: at the cache rate the same three, otherwise three of 20 to 60 tokens that nobody sent before. Hits: answers that say so in \`x-cache\`. Memory: resident, of the server alone.`,
  ];
}

/** Requests per second of each target ÷ those of the peer that is the fastest at that rate. */
function ratioTable(cells, { connections }) {
  const rates = unique(cells, 'texts');
  const targets = unique(cells, 'target');
  const peers = targets.filter((target) => TARGETS[target].isPeer);
  if (peers.length === 0) return [];
  const best = rates.map((rate) => fastest(cells, peers, rate, connections));
  const rows = targets.map((target) => [
    target,
    ...rates.map((rate, index) => {
      const own = find(cells, target, rate, connections);
      return times(own && best[index] && own.rps / best[index].rps);
    }),
  ]);
  return titled('Requests per second ÷ those of the best peer', ['', ...rates], rows);
}

function rateTable(cells, rate, { connections }) {
  const rows = unique(cells, 'target')
    .map((target) => find(cells, target, rate, connections))
    .filter(Boolean)
    .map((cell) => [
      cell.target,
      spread(cell),
      ...[cell.p50, cell.p99, cell.p9999].map(figure),
      percent(cell.hitRate),
      cell.answers,
      cell.failed,
      mebibytes(cell.peak),
    ]);
  const head = ['', 'req/s', 'p50 ms', 'p99 ms', 'p99.99 ms', 'hits', 'answers', 'errors'];
  return titled(rate[0].toUpperCase() + rate.slice(1), [...head, 'peak memory'], rows);
}

function spread({ rps, spread: [lowest, highest] }) {
  const brackets = lowest === highest ? '' : ` (${figure(lowest)}–${figure(highest)})`;
  return `${figure(rps)}${brackets}`;
}

export function percent(share) {
  return share === undefined ? NOTHING : `${(share * 100).toFixed(1)} %`;
}

/** `{target, largest, wrong, texts}` of every target that was asked beside the peer. */
export function compared(answers) {
  const { [REFERENCE]: expected, ...others } = answers;
  if (expected === undefined) return [];
  return Object.entries(others)
    .filter(([target]) => TARGETS[target].precision)
    .map(([target, own]) => ({
      target,
      ...difference(own, expected, TOLERANCE[TARGETS[target].precision]),
    }));
}

function answerTable(answers) {
  if (answers[REFERENCE] === undefined)
    return ['Answers were not compared: the peer was not measured.'];
  const rows = compared(answers).map(({ target, largest, wrong, texts }) => [
    target,
    largest.toExponential(1),
    TOLERANCE[TARGETS[target].precision],
    wrong,
    texts,
  ]);
  const head = ['', 'largest difference of a score', 'allowed', 'wrong texts', 'of'];
  return titled("Answers against the peer's", head, rows);
}

function targetTable({ cells, starts }) {
  const rows = unique(cells, 'target').map((target) => {
    const own = cells.filter((cell) => cell.target === target);
    const started = starts.filter((start) => start.target === target);
    const middle = (key) => median(started.map((start) => start[key]));
    return [
      target,
      TARGETS[target].what,
      `${(middle('readyMs') / 1000).toFixed(1)} s`,
      mebibytes(middle('rss')),
      sum(own.map(({ failed }) => failed)),
    ];
  });
  return titled('Targets', ['', 'what', 'ready after', 'memory when ready', 'errors'], rows);
}
