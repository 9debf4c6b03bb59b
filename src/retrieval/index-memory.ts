/**
 * What of memory a generation takes whose files are mapped here.
 */

import { GRAPH_FILE } from '../engine/native-index.js';
import type { Manifest } from './manifest.js';

/** Bytes. */
export interface IndexMemory {
  /** Of files that searches read all over; where they have no room, each search reads them from the disk. */
  readonly read: number;
  /** Of the process, at its worst moment: nothing but an end gives them back. */
  readonly held: number;
}

/** Of what is not mapped here. */
export const NO_MEMORY: IndexMemory = { read: 0, held: 0 };

/** The bytes of all rows and their scales (`native/index`, `rows`), and the graph, which does without them mostly. */
const SEARCHED: readonly string[] = ['vectors.i8', 'scales.f32', GRAPH_FILE];

/** Where in the graph a row is, as usearch keeps it: 75 bytes were seen. */
const GRAPH_ROW_BYTES = 80;

/** Queries of one scan, at most, each of which may have a filter of its own: a byte for each row (`searcher`, `index`). */
const QUERIES = 32;
/** Rows that a query compares exactly, at most, and bytes of each. */
const MOST_CANDIDATES = 200_000;
const CANDIDATE_BYTES = 8;

/** A value of a field in the table of its codes: 67 to 97 bytes were seen, and as much again while it is read. */
const VALUE_BYTES = 200;

export function indexMemoryOf({
  rows,
  fields,
  files,
  graph,
}: Pick<Manifest, 'rows' | 'fields' | 'files' | 'graph'>): IndexMemory {
  const searched = files.filter(({ name }) => SEARCHED.includes(name));
  const values = fields.reduce((sum, { values }) => sum + values.length, 0);
  const candidates = CANDIDATE_BYTES * Math.min(rows, MOST_CANDIDATES);
  return {
    read: searched.reduce((sum, { bytes }) => sum + bytes, 0),
    held:
      QUERIES * (candidates + (fields.length > 0 ? rows : 0)) +
      VALUE_BYTES * values +
      (graph === undefined ? 0 : GRAPH_ROW_BYTES * rows),
  };
}
