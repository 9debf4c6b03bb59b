/**
 * The report of `chorus check` as a table.
 */

import type { Drift } from '../check/drift.js';
import { percent, type Report } from '../check/report.js';
import { textTable } from './table.js';

const HEAD = [
  'model',
  'architecture',
  'parameters',
  'precision',
  'load',
  'memory',
  'max tokens',
  'tokens/s',
];
/** Of a graph, and of what reads texts of any length. */
const UNKNOWN = '–';
const UNBOUNDED = 'any';
const DRIFT_HEAD = ['agree', 'drift p99', 'drift max'];

export function checkTable({ folders, models, notes, faults }: Report): string {
  const parts = [
    models.length === 0 ? '' : modelTable(models),
    folders.length === 0 ? '' : folderTable(folders),
    notes.map((note) => `Note: ${note}.\n`).join(''),
    faults.length === 0 ? 'Self-test passed.\n' : '',
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function modelTable(models: Report['models']): string {
  const compared = models.some(({ drift }) => drift !== undefined);
  const head = [...HEAD, ...(compared ? DRIFT_HEAD : []), 'labels'];
  const rows = models.map((model) => [
    model.name,
    model.architecture,
    model.parameters === 0 ? UNKNOWN : `${(model.parameters / 1e6).toFixed(1)} M`,
    model.precision,
    model.load,
    `${(model.bytes / 2 ** 20).toFixed(0)} MiB`,
    model.maxTokens === 0 ? UNBOUNDED : String(model.maxTokens),
    model.maxTokens === 0 ? UNKNOWN : String(model.tokensPerSecond),
    ...(model.drift ? driftCells(model.drift) : []),
    model.task === 'embedding' ? vectorCell(model) : labelsCell(model.labels),
  ]);
  return textTable(head, rows);
}

/** What computes each model, and what is applied of what its folder says of its tokenizer. */
function folderTable(folders: Report['folders']): string {
  const rows = folders.map(({ name, computedBy, settings }) => [
    name,
    computedBy,
    String(settings.filter(({ applied }) => !applied).length),
    appliedCell(settings),
  ]);
  return textTable(['model', 'computed by', 'change no token', 'tokenizer settings applied'], rows);
}

/** Each name once, whichever files say it; the special tokens, which most folders list twice, as one. */
function appliedCell(settings: Report['folders'][number]['settings']): string {
  const names = settings.filter(({ applied }) => applied).map(({ name }) => name);
  const shown = names.map((name) => (/_tokens?$/.test(name) ? 'special tokens' : name));
  return [...new Set(shown)].join(', ') || 'none';
}

function driftCells({ agreement, p99, largest }: Drift): string[] {
  return [percent(agreement), p99.toExponential(1), largest.toExponential(1)];
}

/** In place of labels, which an encoder has none of. */
function vectorCell({ dimensions, normalized }: Report['models'][number]): string {
  return `${dimensions} dimensions${normalized ? ', normalized' : ''}`;
}

/** As far as a line has room. */
const SHOWN_LABELS = 3;

function labelsCell(labels: readonly string[]): string {
  const more = labels.length > SHOWN_LABELS ? `, … (${labels.length})` : '';
  return labels.slice(0, SHOWN_LABELS).join(', ') + more;
}
