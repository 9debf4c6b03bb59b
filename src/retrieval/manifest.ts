/**
 * What a generation of an index says of itself: `manifest.json` in its folder.
 *
 * A generation is one encoder's vectors of one corpus with the corpus' lines. It is written once and never changed, so
 * the digest of its manifest, which has those of all other files, is its identity.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { GRAPH_FILE, INDEX_FILES, type IndexDescription } from '../engine/native-index.js';
import { StartError } from '../start-error.js';

export const MANIFEST = 'manifest.json';

/** Of what this version writes; another one is refused. */
const FORMAT = 1;

/** A value that rows can be filtered by. */
export type FieldValue = string | number | boolean;

/** How rows are found: all of them are compared, or those that a graph leads to. */
export type SearchKind = 'exact' | 'hnsw';

const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** Not one that a lock or a removal makes of another's. */
export const GENERATION_NAME = /^(?!.*\.(?:lock|removed)$)[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** What is said of a generation wherever it is. */
export const manifestParts = {
  generation: z.string().regex(GENERATION_NAME),
  /** ISO 8601. */
  created: z.iso.datetime(),
  /** What made the vectors: no other can look for them. */
  encoder: z.strictObject({
    model: z.string(),
    /** `ModelInfo.space`: files, options and precision are in it. */
    space: z.string(),
    architecture: z.string(),
    precision: z.string(),
    /** What stood before each text. */
    prompt: z.string(),
  }),
  dimensions: z.int().min(1),
  rows: count,
  statistics: z.strictObject({
    /** Rows whose text another row before them has, too. */
    duplicateTexts: count,
    /** Rows of whose text the encoder read only the beginning; null where the build was interrupted and nobody knows. */
    truncatedTexts: count.nullable(),
    /** Of some rows, the share that finds itself, or its equal, first, and the share of the ten nearest of each found. */
    recallAt1: z.number().min(0).max(1),
    recallAt10: z.number().min(0).max(1),
  }),
  /** Rows whose texts are embedded again, and looked for, before the generation is served. */
  golden: z.array(z.strictObject({ row: count, vector: z.base64() })),
};

function areValues(found: unknown): boolean {
  return (
    Array.isArray(found) &&
    found.every((value) => ['string', 'number', 'boolean'].includes(typeof value))
  );
}

const schema = z
  .strictObject({
    format: z.literal(FORMAT),
    ...manifestParts,
    /** The longest difference between a row and what its bytes stand for. */
    error: z.number().min(0),
    /** A row's code of a field is the place of its value, counted from 1; 0: it has none. */
    fields: z.array(
      z.strictObject({
        name: z.string(),
        // Not one by one: there may be hundreds of thousands, and the event loop waits.
        values: z.custom<readonly FieldValue[]>(
          areValues,
          'must be strings, numbers, true or false',
        ),
      }),
    ),
    corpus: z.strictObject({ sha256: digest, bytes: count }),
    /** Where there is a graph: without it the search is exact. */
    graph: z.literal('hnsw').optional(),
    files: z.array(z.strictObject({ name: z.string(), bytes: count, sha256: digest })),
  })
  .superRefine(({ graph, files }, context) => {
    const expected = fileNames(graph !== undefined)
      .sort()
      .join();
    const names = files.map(({ name }) => name).sort();
    if (names.join() === expected) return;
    context.addIssue({ code: 'custom', path: ['files'], message: `must be ${expected}` });
  });

export type Manifest = Readonly<z.infer<typeof schema>>;

/** A manifest with its own sha256. */
export interface ManifestFile {
  readonly manifest: Manifest;
  readonly sha256: string;
}

/**
 * The manifest in `folder`.
 *
 * @throws {StartError} when there is none, or it is not one of this version.
 */
export async function readManifest(folder: string): Promise<ManifestFile> {
  const file = join(folder, MANIFEST);
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new StartError([`${file}: ${(error as Error).message}`]);
  }
  const value = jsonOf(bytes);
  if (value === undefined)
    throw new StartError([`${file} is not JSON, or not all of it is there.`]);
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const where = issue?.path.join('.') ?? '';
    throw new StartError([
      `${file}: ${where === '' ? '' : `${where}: `}${issue?.message ?? 'is not a manifest'}; ` +
        `it must be the manifest of a generation of format ${FORMAT}.`,
    ]);
  }
  return { manifest: result.data, sha256: sha256Of(bytes) };
}

/** Names of all files of a generation but the manifest. */
export function fileNames(hasGraph: boolean): string[] {
  return [...INDEX_FILES, ...(hasGraph ? [GRAPH_FILE] : [])];
}

/** What the files are, for whoever opens them. */
export function filesOf({
  dimensions,
  rows,
  fields,
  error,
  graph,
  files,
}: Manifest): IndexDescription {
  const digests = files.map(({ name, sha256 }) => ({ name, sha256 }));
  return {
    ...{ dimensions, rows, fields: fields.length, error, files: digests },
    graph: graph !== undefined,
  };
}

export function searchOf({ graph }: Pick<Manifest, 'graph'>): SearchKind {
  return graph ?? 'exact';
}

/** Of all files but the manifest. */
export function bytesOf({ files }: Pick<Manifest, 'files'>): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

export function manifestText(manifest: Omit<Manifest, 'format'>): string {
  return `${JSON.stringify({ format: FORMAT, ...manifest }, null, 1)}\n`;
}

export function sha256Of(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function vectorOf(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~3)),
  );
}

export function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
