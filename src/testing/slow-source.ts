/**
 * A source of indexes whose searches take as long as a test wants.
 */

import type { IndexGeneration, IndexSearch } from '../retrieval/generation.js';
import type { IndexSource } from '../retrieval/index-source.js';

export interface SlowSource extends IndexSource {
  /** From now on this is done before each search. */
  before: (search: IndexSearch) => Promise<void>;
}

/** `source`, whose generations are searched one vector after the other. */
export function slowSource(source: IndexSource): SlowSource {
  const slow: SlowSource = {
    place: source.place,
    written: () => source.written(),
    current: (written) => source.current(written),
    before: () => Promise.resolve(),
    open: async (named, by) =>
      slowed(await source.open(named, by), (search) => slow.before(search)),
  };
  return slow;
}

function slowed(generation: IndexGeneration, before: SlowSource['before']): IndexGeneration {
  const slow: IndexGeneration = {
    manifest: generation.manifest,
    digest: generation.digest,
    bytes: generation.bytes,
    memory: generation.memory,
    search: generation.search,
    places: 1,
    use: () => {
      generation.use();
      return slow;
    },
    release: () => {
      generation.release();
    },
    retire: () => {
      generation.retire();
    },
    within: (filter) => {
      const within = generation.within(filter);
      return {
        search: async (vectors, search) => {
          await before(search);
          return within.search(vectors, search);
        },
      };
    },
  };
  return slow;
}
