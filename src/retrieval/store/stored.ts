/**
 * What a generation in a store says of itself: the description of its collection, which every node has.
 *
 * A store's alias names the collection that is served, and this what was served before it; so one step publishes, and
 * whoever is interrupted before or after it leaves nothing half.
 */

import { z } from 'zod';

import { pointerParts, REMEMBERED, type Named } from '../index-directory.js';
import { manifestParts, type FieldValue, type Manifest } from '../manifest.js';

/** Of what this version writes; another one is not understood. */
const FORMAT = 1;

const schema = z.strictObject({
  format: z.literal(FORMAT),
  /** The digest of the manifest of what was built, and what was served before. */
  ...pointerParts,
  ...manifestParts,
  /** Names alone: the store finds values by themselves. */
  fields: z.array(z.string()),
  /** When it began to be copied, in ISO 8601. */
  begun: z.iso.datetime(),
  /** Whether all rows are there, and were found. */
  isWhole: z.boolean(),
});

export type Stored = Readonly<z.infer<typeof schema>>;

/** What is said of a generation whose rows are on their way. */
export function storedOf(manifest: Manifest, sha256: string): Stored {
  const { generation, created, encoder, dimensions, rows, golden, statistics, fields } = manifest;
  return {
    ...{ format: FORMAT, manifest: sha256 },
    ...{ generation, created, encoder, dimensions, rows, golden, statistics },
    fields: fields.map(({ name }) => name),
    begun: new Date().toISOString(),
    isWhole: false,
    previous: [],
  };
}

export function descriptionOf(stored: Stored): string {
  return JSON.stringify({ ...stored, previous: stored.previous.slice(0, REMEMBERED) });
}

/** What `description` says; nothing where it is another's. */
export function readStored(description: string | undefined): Stored | undefined {
  try {
    return schema.parse(JSON.parse(description ?? ''));
  } catch {
    return undefined;
  }
}

export function namedOf({ generation, manifest }: Stored): Named {
  return { generation, manifest };
}

/** A value as the store has it: of a number and of a string that looks like it, two texts. */
export function writtenValue(value: FieldValue): string {
  return JSON.stringify(value);
}
