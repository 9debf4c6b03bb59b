// A run of `bench/run.mjs` as Markdown.

import {
  againstBest,
  CONTENDER,
  CHORUS,
  goals,
  LENGTH_MIXES,
  mixes,
  MIX_CONNECTIONS,
  peersOf,
  ratio,
} from './compare.mjs';
import { FORMULA } from './flops.mjs';
import { figure, lastLine, mebibytes, NOTHING, times, titled, unique } from './markdown.mjs';
import { find, median, sum } from './statistics.mjs';
import { TARGETS } from './targets.mjs';

/** What stands before and after the report in RESULTS.md. */
export const MARKERS = [
  '<!-- bench:begin (written by bench/run.mjs; do not edit) -->',
  '<!-- bench:end -->',
];

/** @param run `{cells, starts, skipped, peaks, options, machine, command}`; see run.mjs */
export function report(run) {
  const { cells, starts, skipped } = run;
  const sections = [
    heading(run),
    goalTable(cells),
    ...Object.keys(CHORUS).map((precision) => ratioTable(cells, precision)),
    ownRatios(cells),
    ...unique(cells, 'texts').map((texts) => loadTable(cells, texts)),
    mixTable(cells),
    targetTable(cells, starts),
    skipped.map(({ target, reason }) => `- Left out: ${target}: ${lastLine(reason)}`),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function heading({ options, machine, command, peaks }) {
  const { rounds, duration, warmup } = options;
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`${command}\``,
    '',
    ...machine.map((line) => `- ${line}`),
    `- Medians of ${rounds} round${rounds === 1 ? '' : 's'}, each ${duration} for every line, after ${warmup} of warming up for every set of texts; server and load generator share the cores. Brackets: lowest and highest round. Peers that nowhere reached ${CONTENDER} of the fastest peer of their precision: one round.`,
    ...(peaks ? [`- ${peakLine(peaks)}`] : []),
  ];
}

function peakLine(peaks) {
  const known = Object.entries(peaks).filter(([, peak]) => peak);
  const figures = known.map(([precision, peak]) => `${precision} ${Math.round(peak)}`).join(', ');
  return `U: useful FLOP/s ÷ the peak of that precision on all cores, measured before the first round (GFLOP/s: ${figures}). Useful: ${FORMULA}, summed over the models.`;
}

function goalTable(cells) {
  const measured = goals(cells).filter(({ value }) => value !== undefined);
  const rows = measured.map(({ goal, atLeast, value }) => [
    goal,
    atLeast.toFixed(2),
    value.toFixed(2),
    value >= atLeast ? 'met' : 'missed',
  ]);
  return titled('Goals', ['goal', 'at least', 'measured', ''], rows);
}

/** One row for each peer of a precision and one for the best of them; a column for each place. */
function ratioTable(cells, precision) {
  const own = CHORUS[precision];
  const peers = peersOf(cells, precision);
  const places = placesOf(cells.filter(({ target }) => target === own));
  if (peers.length === 0 || places.length === 0) return [];
  const rows = peers.map((peer) => [
    peer,
    ...places.map((place) => times(ratio(cells, own, peer, ...place))),
  ]);
  const best = places.map((place) => times(againstBest(cells, precision, ...place)));
  return titled(
    `Chorus ÷ peers, ${precision}`,
    ['requests per second', ...places.map((place) => place.join(' '))],
    rows.length > 1 ? [...rows, ['**best peer**', ...best.map((value) => `**${value}**`)]] : rows,
  );
}

/** What else is compared: `[target, other, share of the other]`. */
const OWN_RATIOS = [
  ['bf16', 'synthetic'],
  ['int8', 'synthetic'],
  ['synthetic', 'single', 1 / 5],
];

function ownRatios(cells) {
  const places = placesOf(cells);
  const rows = OWN_RATIOS.map(([target, other, share]) => [
    `${target} ÷ ${share ? 'a fifth of ' : ''}${other}`,
    ...places.map((place) => times(ratio(cells, target, other, ...place, share))),
  ]).filter((row) => row.slice(1).some((value) => value !== NOTHING));
  return titled('Chorus ÷ Chorus', ['', ...places.map((place) => place.join(' '))], rows);
}

function loadTable(cells, texts) {
  const own = cells.filter((cell) => cell.texts === texts);
  const counts = unique(own, 'connections');
  const head = counts.flatMap((count) => [`req/s at ${count}`, 'p50 / p95 / p99 ms', 'U']);
  const rows = unique(own, 'target').map((target) => [
    target,
    ...counts.flatMap((count) => loadFigures(find(own, target, texts, count))),
  ]);
  const length = Math.round(median(own.map(({ meanLength }) => meanLength)));
  return titled(`${texts}, ${length} characters on average`, ['', ...head], rows);
}

function loadFigures(cell) {
  if (cell === undefined) return [NOTHING, NOTHING, NOTHING];
  const spread = cell.spread[0] === cell.spread[1] ? '' : ` (${cell.spread.map(figure).join('–')})`;
  return [
    `${figure(cell.rps)}${spread}`,
    [cell.p50, cell.p95, cell.p99].map(figure).join(' / '),
    cell.u === undefined ? NOTHING : cell.u.toFixed(2),
  ];
}

function mixTable(cells) {
  const rows = unique(cells, 'target')
    .map((target) => [target, mixes(cells, target)])
    .filter(([, mix]) => mix !== undefined)
    .map(([target, { rates, evenness }]) => [target, ...rates.map(figure), evenness.toFixed(2)]);
  const head = ['useful GFLOP/s', ...LENGTH_MIXES, 'lowest ÷ highest'];
  return titled(`Length mixes at ${MIX_CONNECTIONS} connections`, head, rows);
}

function targetTable(cells, starts) {
  const rows = unique(cells, 'target').map((target) => {
    const own = cells.filter((cell) => cell.target === target);
    const started = starts.filter((start) => start.target === target);
    return [
      target,
      TARGETS[target].what,
      `${(median(started.map(({ readyMs }) => readyMs)) / 1000).toFixed(1)} s`,
      mebibytes(median(started.map(({ rss }) => rss))),
      mebibytes(Math.max(...own.map(({ peak }) => peak))),
      sum(own.map(({ answers }) => answers)),
      sum(own.map(({ failed }) => failed)),
    ];
  });
  const memory = ['ready after', 'memory when ready', 'peak memory'];
  return titled('Targets', ['', 'what', ...memory, 'answers', 'wrong or failed'], rows);
}

function placesOf(cells) {
  const keys = new Map(
    cells.map(({ texts, connections }) => [`${texts}@${connections}`, [texts, connections]]),
  );
  return [...keys.values()];
}
