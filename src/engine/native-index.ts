/**
 * Vectors that are written and searched by the Rust addon: by the cosine of the angle, off the JS thread; exact, where no
 * graph names the rows that are compared.
 *
 * What the files are: `native/index`. What else belongs to an index, and which one is served: `retrieval/`.
 */

import { StartError } from '../start-error.js';
import { loadAddon } from './addon.js';
import type * as native from './addon.js';
export type { IndexCondition, IndexDescription } from './addon.js';

/** The files that `VectorWriter` makes of vectors. */
export const VECTOR_FILES = ['vectors.f32', 'vectors.i8', 'scales.f32'] as const;
/** A line of JSON for each row, where each begins, and the codes of the fields that rows can be filtered by. */
export const ROW_FILES = {
  entries: 'entries.jsonl',
  offsets: 'entries.u64',
  fields: 'fields.u32',
} as const;

/** All files of an index, but its graph. */
export const INDEX_FILES: readonly string[] = [...VECTOR_FILES, ...Object.values(ROW_FILES)];

/** The file of a graph, which an index may have. */
export const GRAPH_FILE = 'graph.usearch';

/** Why a vector cannot be in an index. */
export interface RefusedRow {
  /** Among those that were appended together. */
  readonly row: number;
  readonly message: string;
}

/** What an index is made of cannot be written, and says where and why. */
export class WriteError extends Error {
  override readonly name = 'WriteError';
}

export class VectorWriter {
  readonly #writer: native.IndexWriter;

  /**
   * Goes on behind the whole rows that are in `folder`.
   *
   * @throws {Error} when the folder cannot be written to, or no vector has so many dimensions.
   */
  constructor(
    folder: string,
    readonly dimensions: number,
  ) {
    this.#writer = new (loadAddon().IndexWriter)(folder, dimensions);
  }

  get rows(): number {
    return this.#writer.rows;
  }

  /**
   * Appends vectors of any length but zero; where one cannot be, none is written, and that one is told.
   *
   * @throws {WriteError} when the disk does not take them.
   */
  append(vectors: readonly Float32Array[]): RefusedRow | undefined {
    for (const [row, { length }] of vectors.entries()) {
      if (length !== this.dimensions) {
        return {
          row,
          message: `the vector has ${length} values, and it must be ${this.dimensions}`,
        };
      }
    }
    const refused = this.#writer.append(joined(vectors, this.dimensions)) ?? undefined;
    if (refused === undefined) return undefined;
    const { row, message } = refused;
    if (row === undefined) throw new WriteError(message);
    return { row, message };
  }

  /**
   * Writes what is computed from the vectors; gives the longest difference between a row and what its bytes stand for.
   *
   * @throws {WriteError} when the disk does not take it.
   */
  async finish(): Promise<number> {
    const outcome = await this.#writer.finish();
    if (outcome.type === 'failed') throw new WriteError(outcome.message);
    return outcome.error;
  }
}

/** What a graph is made of: the vectors that a writer has finished in `folder`. */
export interface GraphParts {
  readonly folder: string;
  readonly dimensions: number;
  readonly rows: number;
  /** That make it; 0: one for each core that the process may use. One makes the same file each time. */
  readonly threads: number;
  /** Told now and then how many rows are in it. */
  readonly onAdded: (rows: number) => void;
}

const TELL_MS = 500;

/**
 * Writes the graph of an index; what was begun and not finished is begun anew.
 *
 * @throws {WriteError} when there is no memory for it, or the disk does not take it.
 */
export async function writeGraph({
  folder,
  dimensions,
  rows,
  ...parts
}: GraphParts): Promise<void> {
  const writer = new (loadAddon().GraphWriter)();
  const timer = setInterval(() => {
    parts.onAdded(writer.added);
  }, TELL_MS);
  try {
    const outcome = await writer.write(folder, dimensions, rows, parts.threads);
    if (outcome.type === 'failed') throw new WriteError(outcome.message);
  } finally {
    clearInterval(timer);
  }
}

/** A row that was found. */
export interface FoundRow {
  readonly row: number;
  /** The cosine of the angle between the two vectors. */
  readonly score: number;
  /** The row's line. */
  readonly entry: string;
}

/** What is looked for. */
export interface VectorSearch {
  /** How many rows of each vector, at most. */
  readonly top: number;
  /** Whether all rows are compared, also where there is a graph. */
  readonly exact?: boolean;
  /** All of which a row meets that is found. */
  readonly conditions: readonly native.IndexCondition[];
  /** After which nobody wants the answer. */
  readonly deadlineMs?: number;
}

/** The time was up before the index was searched. */
export class LateSearch extends Error {}

/** What was found has more text than one answer may. */
export class LargeSearch extends Error {}

export class Vectors {
  readonly #index: native.VectorIndex;

  private constructor(
    index: native.VectorIndex,
    readonly dimensions: number,
  ) {
    this.#index = index;
  }

  /**
   * Reads every file once.
   *
   * @throws {StartError} with the file that is missing, or is another than `description` says.
   */
  static async open(folder: string, description: native.IndexDescription): Promise<Vectors> {
    const index = new (loadAddon().VectorIndex)();
    const outcome = await index.open(folder, description);
    if (outcome.type === 'failed') throw new StartError([outcome.message]);
    return new Vectors(index, description.dimensions);
  }

  /**
   * The rows that are nearest to each vector, best first; searched together with what others look for.
   *
   * @throws {LateSearch}
   * @throws {LargeSearch}
   * @throws {Error} when a vector has no direction.
   */
  async search(
    vectors: readonly Float32Array[],
    { top, exact = false, conditions, deadlineMs }: VectorSearch,
  ): Promise<readonly (readonly FoundRow[])[]> {
    const outcome = await this.#index.search(joined(vectors, this.dimensions), {
      top,
      exact,
      conditions: [...conditions],
      ...(deadlineMs !== undefined && { deadlineMs }),
    });
    if (outcome.type === 'failed') {
      const { reason, message } = outcome;
      const Kind = { late: LateSearch, large: LargeSearch, other: Error }[reason];
      throw new Kind(message);
    }
    const { rows, scores, places, entries } = outcome;
    let begin = 0;
    return outcome.counts.map((count) => {
      const found = Array.from({ length: count }, (_, at) => ({
        row: rows[begin + at] ?? 0,
        score: scores[begin + at] ?? Number.NaN,
        entry: entries[places[begin + at] ?? 0] ?? '',
      }));
      begin += count;
      return found;
    });
  }

  /** Nothing can be looked for any more; what was asked is answered. */
  close(): void {
    this.#index.close();
  }
}

function joined(vectors: readonly Float32Array[], dimensions: number): Float32Array {
  const all = new Float32Array(vectors.length * dimensions);
  for (const [at, vector] of vectors.entries()) all.set(vector, at * dimensions);
  return all;
}
