/**
 * Keeps what is generated in documents equal to the code.
 *
 * A block lies between `<!-- name:begin -->` and `<!-- name:end -->`; what is around it is written by
 * hand and left alone. Of others more is generated, or everything.
 */

import { fileURLToPath } from 'node:url';

import { chartProfileSchema } from './chart-profile-schema.js';
import { chartSchema } from './chart-schema.js';
import { starterOpenApi } from './openapi.js';
import {
  chartValuesTable,
  errorsTable,
  faultsTable,
  metricsTable,
  settingsTable,
} from './tables.js';

/** What `text`, the document as it is, should be. */
type Fresh = (text: string) => string | Promise<string>;

/** The documents by their paths. */
export const documents: Readonly<Record<string, Fresh>> = {
  'docs/errors.md': blocks({ errors: errorsTable }),
  'docs/faults.md': blocks({ faults: faultsTable }),
  'docs/metrics.md': blocks({ metrics: metricsTable }),
  'docs/openapi.json': starterOpenApi,
  'docs/settings.md': blocks({ settings: settingsTable }),
  'helm/README.md': blocks({ values: chartValuesTable }),
  'helm/files/profile-schema.json': chartProfileSchema,
  'helm/values.schema.json': chartSchema,
};

export function pathOf(document: string): string {
  return fileURLToPath(new URL(`../../${document}`, import.meta.url));
}

/**
 * Rewrites blocks, each by the name in its markers.
 *
 * @throws {Error} when a block is missing.
 */
export function blocks(tables: Readonly<Record<string, () => string>>): (text: string) => string {
  return (text) =>
    Object.entries(tables).reduce((text, [name, table]) => {
      const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
      const start = text.indexOf(begin);
      const stop = text.indexOf(end);
      if (start < 0 || stop < start) throw new Error(`there is no block ${begin} … ${end}`);
      return `${text.slice(0, start)}${begin}\n\n${table()}\n\n${text.slice(stop)}`;
    }, text);
}
