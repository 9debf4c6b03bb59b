// Turns measurements into Markdown: medians over the rounds, ratios, and the place in RESULTS.md.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { TARGETS } from './targets.mjs';

export const BEGIN = '<!-- bench:begin (written by bench/run.mjs; do not edit) -->';
export const END = '<!-- bench:end -->';

/** @param samples `{target, texts, connections, round, …figures of one measurement}` */
export function report({ samples, starts, options, machine, command }) {
  const cells = medians(samples);
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`${command}\``,
    '',
    ...machine.map((line) => `- ${line}`),
    `- Medians of ${options.rounds} round${options.rounds === 1 ? '' : 's'}, each ${options.duration} for every line after ${options.warmup} of warming up; server and load generator share the cores.`,
    '',
    ...startTable(starts),
    '',
    ...loadTable(cells),
    ...ratioTable(cells),
  ].join('\n');
}

/** Replaces what is between the markers, and nothing else. */
export function writeResults(path, text) {
  const old = existsSync(path) ? readFileSync(path, 'utf8') : `# Results\n\n${BEGIN}\n${END}\n`;
  const from = old.indexOf(BEGIN);
  const to = old.indexOf(END);
  if (from < 0 || to < from) throw new Error(`${path} lacks its markers ${BEGIN} and ${END}`);
  writeFileSync(path, `${old.slice(0, from)}${BEGIN}\n\n${text}\n\n${old.slice(to)}`);
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function medians(samples) {
  const groups = groupBy(samples, ({ target, texts, connections }) =>
    [target, texts, connections].join('\t'),
  );
  return [...groups.values()].map((group) => ({
    ...group[0],
    answers: sum(group, 'answers'),
    failed: sum(group, 'failed'),
    meanLength: median(group.map(({ meanLength }) => meanLength)),
    rps: median(group.map(({ rps }) => rps)),
    spread: [Math.min(...group.map(({ rps }) => rps)), Math.max(...group.map(({ rps }) => rps))],
    p50: median(group.map(({ p50 }) => p50)),
    p95: median(group.map(({ p95 }) => p95)),
    p99: median(group.map(({ p99 }) => p99)),
    rss: Math.max(...group.map(({ rss }) => rss)),
    peak: Math.max(...group.map(({ peak }) => peak)),
  }));
}

function startTable(starts) {
  const rows = [...groupBy(starts, ({ target }) => target)].map(([target, group]) => [
    target,
    TARGETS[target].what,
    `${(median(group.map(({ readyMs }) => readyMs)) / 1000).toFixed(2)} s`,
    mebibytes(median(group.map(({ rss }) => rss))),
  ]);
  return table(['target', 'what', 'start to ready', 'RSS when ready'], rows);
}

function loadTable(cells) {
  const rows = cells.map((cell) => [
    cell.target,
    cell.texts,
    cell.connections,
    figure(cell.rps),
    cell.spread.map(figure).join(' to '),
    ...[cell.p50, cell.p95, cell.p99].map(figure),
    cell.answers,
    cell.failed,
    Math.round(cell.meanLength),
    mebibytes(cell.rss),
    mebibytes(cell.peak),
  ]);
  const head = [
    'target',
    'texts',
    'connections',
    'req/s',
    'lowest to highest',
    'p50 ms',
    'p95 ms',
    'p99 ms',
  ];
  return table([...head, 'answers', 'wrong or failed', 'mean length', 'RSS', 'peak RSS'], rows);
}

/** What is compared with what; five models are compared with a fifth of one alone. */
const RATIOS = [
  ['synthetic', 'peer'],
  ['synthetic', 'peer-batched'],
  ['synthetic', 'onnxruntime'],
  ['synthetic', 'single', 1 / 5],
  ['bf16', 'synthetic'],
  ['int8', 'synthetic'],
  ['int8', 'peer-int8'],
  ['int8', 'peer-int8-batched'],
];

function ratioTable(cells) {
  const rows = [];
  for (const [target, other, share = 1] of RATIOS) {
    for (const cell of cells.filter((candidate) => candidate.target === target)) {
      const against = cells.find(
        ({ target, texts, connections }) =>
          target === other && texts === cell.texts && connections === cell.connections,
      );
      if (against === undefined) continue;
      const ratio = `${(cell.rps / (against.rps * share)).toFixed(2)} ×`;
      const what = `${target} ÷ ${share === 1 ? other : `a fifth of ${other}`}`;
      rows.push([what, cell.texts, cell.connections, ratio]);
    }
  }
  if (rows.length === 0) return [];
  return ['', ...table(['ratio', 'texts', 'connections', ''], rows)];
}

/** Map.groupBy, which Node 20 lacks. */
function groupBy(entries, keyOf) {
  const groups = new Map();
  for (const entry of entries)
    groups.set(keyOf(entry), [...(groups.get(keyOf(entry)) ?? []), entry]);
  return groups;
}

function table(head, rows) {
  const line = (columns) => `| ${columns.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function sum(group, key) {
  return group.reduce((total, entry) => total + entry[key], 0);
}

function figure(number) {
  return number >= 100 ? number.toFixed(0) : number.toPrecision(3);
}

function mebibytes(bytes) {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
