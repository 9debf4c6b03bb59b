/**
 * The rows of a generation, read from its files: for whoever copies them somewhere else.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

import { ROW_FILES, VECTOR_FILES } from '../engine/native-index.js';
import type { FieldValue, Manifest } from './manifest.js';

export interface IndexRow {
  readonly row: number;
  readonly vector: Float32Array;
  /** Its line of JSON. */
  readonly entry: string;
  /** Of each field of the manifest, in that order. */
  readonly values: readonly (FieldValue | undefined)[];
}

/** In order, so many at a time. The files must be whole, as `verify` says. */
export function* rowsIn(
  folder: string,
  { rows, dimensions, fields }: Manifest,
  atATime: number,
): Generator<readonly IndexRow[]> {
  const names = [VECTOR_FILES[0], ROW_FILES.entries, ROW_FILES.offsets, ROW_FILES.fields];
  const opened = names.map((name) => openSync(join(folder, name), 'r'));
  const [vectors = -1, entries = -1, offsets = -1, codes = -1] = opened;
  try {
    for (let first = 0; first < rows; first += atATime) {
      const count = Math.min(atATime, rows - first);
      const values = new Float32Array(
        read(vectors, first * dimensions * 4, count * dimensions * 4),
      );
      const ends = new BigUint64Array(read(offsets, first * 8, (count + 1) * 8));
      const begin = Number(ends[0]);
      const lines = Buffer.from(read(entries, begin, Number(ends[count]) - begin));
      const codesOf = fields.map(
        (_, at) => new Uint32Array(read(codes, (at * rows + first) * 4, count * 4)),
      );
      yield Array.from({ length: count }, (_, at) => ({
        row: first + at,
        vector: values.subarray(at * dimensions, (at + 1) * dimensions),
        entry: lines
          .toString('utf8', Number(ends[at]) - begin, Number(ends[at + 1]) - begin)
          .trimEnd(),
        values: fields.map(({ values: known }, field) => known[(codesOf[field]?.[at] ?? 0) - 1]),
      }));
    }
  } finally {
    for (const file of opened) closeSync(file);
  }
}

function read(file: number, position: number, length: number): ArrayBuffer {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const got = readSync(file, bytes, at, length - at, position + at);
    if (got === 0) throw new Error('a file of the index has become shorter');
    at += got;
  }
  return bytes.buffer;
}
