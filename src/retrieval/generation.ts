/**
 * A generation of an index as whoever searches it sees it, wherever its vectors are: in files that are mapped here
 * (`open-index.ts`), or in a store of several machines (`store/`).
 */

import type { IndexMemory } from './index-memory.js';
import type { FieldValue, Manifest, SearchKind } from './manifest.js';
import type { Entry } from './row-files.js';

/** What of a generation may be found: rows whose field has one of the values; of each field that is named. */
export type Filter = Readonly<Record<string, FieldValue | readonly FieldValue[]>>;

/** A line of the corpus that was found. */
export interface Found extends Entry {
  /** The cosine of the angle between the two vectors, in [-1, 1]. */
  readonly score: number;
}

/** What is looked for. */
export interface IndexSearch {
  /** How many lines of each text, at most. */
  readonly top: number;
  /** Whether all lines are compared, also where a graph would lead to some; nothing to a store, which has its own. */
  readonly exact?: boolean;
  /** After which nobody wants the answer. */
  readonly deadlineMs?: number;
  /** Aborted when nobody waits any more; made when it is asked for, which a search in this process does not. */
  readonly signal?: () => AbortSignal;
}

/** A filter names what there is not. */
export class UnknownField extends Error {
  constructor(
    readonly field: string,
    readonly known: readonly string[],
  ) {
    super(`${field} is not a field of the index`);
  }
}

/** Those lines of a generation that a filter lets through. */
export interface Searchable {
  /**
   * The lines that are nearest to each vector, best first.
   *
   * @throws {LateSearch}
   * @throws {LargeSearch}
   * @throws {StoreTrouble} when no node of a store has answered.
   * @throws the reason of the signal, where it is called off.
   */
  search(
    vectors: readonly Float32Array[],
    search: IndexSearch,
  ): Promise<readonly (readonly Found[])[]>;
}

export interface IndexGeneration {
  readonly manifest: Facts;
  /** The sha256 of the manifest of what was built. */
  readonly digest: string;
  /** Bytes that are mapped here. */
  readonly bytes: number;
  readonly memory: IndexMemory;
  /** Vectors that are searched for at a time, without much taking longer for the others. */
  readonly places: number;
  /** How what is near is found: what is not exact has a recall. */
  readonly search: SearchKind;
  /** To be called before what is looked for is embedded, so that it is searched in this generation; then `release`. */
  use(): this;
  release(): void;
  /** Closes it, once nobody uses it any more. */
  retire(): void;
  /** @throws {UnknownField} */
  within(filter: Filter): Searchable;
}

/** What is known of every generation. */
export type Facts = Pick<
  Manifest,
  'generation' | 'created' | 'encoder' | 'dimensions' | 'rows' | 'golden'
> & { readonly statistics: Pick<Manifest['statistics'], 'recallAt1' | 'recallAt10'> };
