/**
 * The report of `chorus check` as a table.
 */

import type { Drift } from '../check/drift.js';
import { percent, type Report } from '../check/report.js';
import { textTable } from './table.js';

const HEAD = ['model', 'architecture', 'parameters', 'precision', 'max tokens', 'tokens/s'];
const DRIFT_HEAD = ['agree', 'drift p99', 'drift max'];

export function checkTable({ models, faults }: Report): string {
  const compared = models.some(({ drift }) => drift !== undefined);
  const head = [...HEAD, ...(compared ? DRIFT_HEAD : []), 'labels'];
  const rows = models.map((model) => [
    model.name,
    model.architecture,
    `${(model.parameters / 1e6).toFixed(1)} M`,
    model.precision,
    String(model.maxTokens),
    String(model.tokensPerSecond),
    ...(model.drift ? driftCells(model.drift) : []),
    labelsCell(model.labels),
  ]);
  const verdict = faults.length === 0 ? 'Self-test passed.\n' : '';
  return `${textTable(head, rows)}${verdict}`;
}

function driftCells({ agreement, p99, largest }: Drift): string[] {
  return [percent(agreement), p99.toExponential(1), largest.toExponential(1)];
}

/** As far as a line has room. */
const SHOWN_LABELS = 3;

function labelsCell(labels: readonly string[]): string {
  const more = labels.length > SHOWN_LABELS ? `, … (${labels.length})` : '';
  return labels.slice(0, SHOWN_LABELS).join(', ') + more;
}
