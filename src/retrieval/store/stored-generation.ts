/**
 * A generation in a store: searched there, by its collection's own name and not by the alias, so that an answer is of the
 * generation that its texts were embedded for.
 */

import {
  UnknownField,
  type Facts,
  type Filter,
  type IndexGeneration,
  type IndexSearch,
  type Searchable,
} from '../generation.js';
import { NO_MEMORY } from '../index-memory.js';
import type { Entry } from '../row-files.js';
import { writtenValue, type Stored } from './stored.js';
import type { Where } from './query.js';
import { SEARCHES, type Weaviate } from './weaviate.js';

export class StoredGeneration implements IndexGeneration {
  readonly manifest: Facts;
  readonly digest: string;
  /** Nothing is mapped. */
  readonly bytes = 0;
  readonly memory = NO_MEMORY;
  readonly places = SEARCHES;
  readonly search = 'hnsw';

  constructor(
    private readonly weaviate: Weaviate,
    private readonly collection: string,
    private readonly stored: Stored,
  ) {
    this.manifest = stored;
    this.digest = stored.manifest;
  }

  /** Whoever removes a generation from the store waits until nobody has it: `chorus index gc` keeps the last ones. */
  use(): this {
    return this;
  }

  release(): void {
    // As of `use`.
  }

  retire(): void {
    // As of `use`.
  }

  within(filter: Filter): Searchable {
    return this.searchable(filter);
  }

  /** All of it, as the node at `url` finds it. */
  at(url: string): Searchable {
    return this.searchable({}, url);
  }

  private searchable(filter: Filter, url?: string): Searchable {
    const where = this.whereOf(filter);
    return {
      search: async (vectors: readonly Float32Array[], search: IndexSearch) => {
        const least = where.length === 0 ? Math.min(search.top, this.stored.rows) : 0;
        const wanted = { ...search, where, url, least, signal: search.signal?.() };
        const found = await this.weaviate.nearest(this.collection, vectors, wanted);
        return found.map((rows) =>
          rows.map(({ entry, distance }) => ({
            ...(JSON.parse(entry) as Entry),
            // The store rounds: beyond 1 there is nothing.
            score: Math.min(1, Math.max(-1, 1 - distance)),
          })),
        );
      },
    };
  }

  private whereOf(filter: Filter): Where {
    const { fields } = this.stored;
    return Object.entries(filter).map(([name, wanted]) => {
      const field = fields.indexOf(name);
      if (field < 0) throw new UnknownField(name, fields);
      return { field, values: [wanted].flat().map(writtenValue) };
    });
  }
}
