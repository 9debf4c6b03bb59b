/**
 * Keeps the generated blocks of documents equal to the code.
 *
 * A block lies between `<!-- name:begin -->` and `<!-- name:end -->`; what is around it is written by
 * hand and left alone.
 */

import { fileURLToPath } from 'node:url';

import { chartValuesTable, errorsTable, metricsTable, settingsTable } from './tables.js';

type Blocks = Readonly<Record<string, () => string>>;

/** The documents and their blocks, by the name in the markers. */
export const documents: Readonly<Record<string, Blocks>> = {
  'README.md': { settings: settingsTable, errors: errorsTable },
  'docs/metrics.md': { metrics: metricsTable },
  'helm/README.md': { values: chartValuesTable },
};

export function pathOf(document: string): string {
  return fileURLToPath(new URL(`../../${document}`, import.meta.url));
}

/**
 * `text` of `document` with every block rewritten.
 *
 * @throws {Error} when a block is missing.
 */
export function withFreshBlocks(document: string, text: string): string {
  let result = text;
  for (const [name, render] of Object.entries(documents[document] ?? {})) {
    const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
    const start = result.indexOf(begin);
    const stop = result.indexOf(end);
    if (start < 0 || stop < start) throw new Error(`${document} lacks the block ${begin} … ${end}`);
    result = `${result.slice(0, start)}${begin}\n\n${render()}\n\n${result.slice(stop)}`;
  }
  return result;
}
