/**
 * What a generation is tried by: some of its rows, and whether a search finds what comparing all of them finds.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

import { VECTOR_FILES, Vectors, type FoundRow } from '../engine/native-index.js';
import { base64Of, type Manifest } from './manifest.js';
import { recallOf, searchedApart, TOP, type Recall } from './recall.js';

/** What the files hold. */
export interface Shape {
  readonly rows: number;
  readonly dimensions: number;
  readonly error: number;
  /** Whether there is a graph. */
  readonly graph: boolean;
}

/** Rows whose texts are embedded again whenever the generation is opened. */
const GOLDEN = 16;

/** Rows that are looked for when it is built. */
const SAMPLES = 100;
/** Of an index with a graph: each costs a scan, and a share of 99 % is to be told from one of 98 %. */
const GRAPH_SAMPLES = 1000;
/** So many products of vectors take some seconds. */
const MOST_PRODUCTS = 20_000_000;

/** Sums of f64 in another order. */
const TOLERANCE = 1e-6;

const CHUNK_ROWS = 1024;

export type Golden = Pick<Manifest, 'golden'> & Recall;

/** @throws {StartError} when the files are not what was written. */
export async function goldenOf(folder: string, shape: Shape, fields: number): Promise<Golden> {
  const { rows } = shape;
  const recall = await (shape.graph ? graphRecall : scanRecall)(folder, shape, fields);
  const golden = spread(Math.min(rows, GOLDEN), rows);
  const goldenVectors = vectorsOf(folder, shape, golden);
  return {
    golden: golden.map((row, at) => ({
      row,
      vector: base64Of(goldenVectors[at] ?? new Float32Array()),
    })),
    ...recall,
  };
}

/** What the scan finds, beside all rows compared here. */
async function scanRecall(folder: string, shape: Shape, fields: number): Promise<Recall> {
  const { rows } = shape;
  const samples = Math.min(
    rows,
    SAMPLES,
    Math.max(4, Math.floor(MOST_PRODUCTS / Math.max(1, rows))),
  );
  const vectors = vectorsOf(folder, shape, spread(samples, rows));
  const exact = compareAll(folder, shape, vectors);
  const found = await searchAll(folder, { ...shape, fields }, vectors);
  return recallOf(exact, found, TOLERANCE);
}

/** What the graph leads to, beside what the exact scan finds. */
async function graphRecall(folder: string, shape: Shape, fields: number): Promise<Recall> {
  const vectors = vectorsOf(folder, shape, spread(Math.min(shape.rows, GRAPH_SAMPLES), shape.rows));
  const all = { ...shape, fields };
  const exact = await searchAll(folder, { ...all, graph: false }, vectors);
  const found = await searchAll(folder, all, vectors);
  return recallOf(
    exact.map((rows) => rows.map(({ score }) => score)),
    found,
    TOLERANCE,
  );
}

/** `count` numbers below `below`, as far apart as they can be. */
export function spread(count: number, below: number): number[] {
  return Array.from({ length: count }, (_, at) => Math.floor((at * below) / count));
}

export function vectorsOf(
  folder: string,
  { dimensions }: Pick<Shape, 'dimensions'>,
  rows: readonly number[],
): Float32Array[] {
  return withVectors(folder, (read) => rows.map((row) => read(row, 1, dimensions)));
}

/** Of each vector, the scores of the nearest rows, best first, by comparing all of them. */
function compareAll(
  folder: string,
  { rows, dimensions }: Shape,
  vectors: readonly Float32Array[],
): number[][] {
  const best: number[][] = vectors.map(() => []);
  withVectors(folder, (read) => {
    for (let first = 0; first < rows; first += CHUNK_ROWS) {
      const chunk = read(first, Math.min(CHUNK_ROWS, rows - first), dimensions);
      for (const [at, vector] of vectors.entries()) {
        for (let begin = 0; begin < chunk.length; begin += dimensions) {
          keep(best[at] ?? [], product(vector, chunk, begin));
        }
      }
    }
  });
  return best;
}

function keep(best: number[], score: number): void {
  if (best.length === TOP && score <= (best[TOP - 1] ?? 0)) return;
  const place = best.findIndex((other) => score > other);
  best.splice(place < 0 ? best.length : place, 0, score);
  if (best.length > TOP) best.pop();
}

function product(vector: Float32Array, chunk: Float32Array, begin: number): number {
  let sum = 0;
  for (let at = 0; at < vector.length; at += 1) sum += (vector[at] ?? 0) * (chunk[begin + at] ?? 0);
  return sum;
}

async function searchAll(
  folder: string,
  shape: Shape & { readonly fields: number },
  vectors: readonly Float32Array[],
): Promise<readonly (readonly FoundRow[])[]> {
  if (vectors.length === 0) return [];
  const opened = await Vectors.open(folder, { ...shape, files: [] });
  try {
    return await searchedApart(vectors, (one) => opened.search(one, { top: TOP, conditions: [] }));
  } finally {
    opened.close();
  }
}

type Read = (first: number, count: number, dimensions: number) => Float32Array;

function withVectors<T>(folder: string, use: (read: Read) => T): T {
  const file = openSync(join(folder, VECTOR_FILES[0]), 'r');
  try {
    return use((first, count, dimensions) => {
      const values = new Float32Array(count * dimensions);
      const bytes = new Uint8Array(values.buffer);
      readSync(file, bytes, 0, bytes.length, first * dimensions * 4);
      return values;
    });
  } finally {
    closeSync(file);
  }
}
