/**
 * `models/starter/smoke.tsv`: texts, and the label that a model must give each.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const FILE = new URL('../../models/starter/smoke.tsv', import.meta.url);

export interface SmokeRow {
  readonly text: string;
  /** By model; a model of which nothing is asked is not in it. */
  readonly labels: ReadonlyMap<string, string>;
}

/** The rows that ask something of one of `models`; each of these has some. */
export function smokeRows(...models: readonly string[]): SmokeRow[] {
  const [header = '', ...lines] = readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const columns = header.split('\t');
  const rows = lines.map((line) => {
    const cells = line.split('\t');
    const cell = (column: string) => cells[columns.indexOf(column)] ?? '';
    const asked = models.filter((model) => cell(model) !== '');
    return { text: cell('text'), labels: new Map(asked.map((model) => [model, cell(model)])) };
  });
  for (const model of models)
    assert.ok(
      rows.some(({ labels }) => labels.has(model)),
      model,
    );
  return rows.filter(({ labels }) => labels.size > 0);
}
