/**
 * Whether a generation in a store is what was built: counted and tried on every node that is known.
 *
 * A store can say that rows were written where a node that it had given up did not get them, so nothing is believed.
 */

import { Vectors } from '../../engine/native-index.js';
import { spread, vectorsOf } from '../golden.js';
import { filesOf, type Manifest } from '../manifest.js';
import { recallOf, searchedApart, TOP, type Recall } from '../recall.js';
import type { IndexStore } from './index-store.js';
import { until } from './patience.js';
import type { Stored } from './stored.js';
import { StoredGeneration } from './stored-generation.js';

const SAMPLES = 100;
/** A graph of a million rows does not lead to every one of them. */
const MOST_LOST = 0.03;
/** What was written is counted, and found, within moments. */
const SETTLED_MS = 5000;
/** Of cosines that a store computes in f32. */
const TOLERANCE = 1e-5;

/**
 * Counts, and looks for rows by their own vectors: some of all, and the last ones, which are what a node loses that is
 * killed before it has written everything.
 *
 * @throws {StartError} with the one of the nodes at `urls` that lacks rows, or does not find them.
 */
export async function requireWhole(
  store: IndexStore,
  collection: string,
  { generation, rows }: Stored,
  urls: readonly string[],
): Promise<void> {
  const { weaviate } = store;
  const count = Math.min(rows, SAMPLES);
  const samples = [spread(count, rows), Array.from({ length: count }, (_, at) => rows - 1 - at)];
  for (const url of urls) {
    let counted = 0;
    await until(
      async () => (counted = await weaviate.count(collection, url)) === rows,
      () => `${generation} has ${rows} rows, and ${url} counts ${counted}`,
      SETTLED_MS,
    );
    for (const sampled of samples) {
      let lost: readonly number[] = [];
      await until(
        async () => {
          if (sampled.length > 0) lost = await weaviate.lost(collection, sampled, url);
          return lost.length <= sampled.length * MOST_LOST && !isEndLost(lost, rows);
        },
        () =>
          `${generation}: ${lost.length} of ${sampled.length} rows do not find themselves at ${url}; build it again by ` +
          'another name, and publish that',
        SETTLED_MS,
      );
    }
  }
}

/** Whether the last rows of all are among them, as where a node was killed before it had written them. */
function isEndLost(lost: readonly number[], rows: number): boolean {
  return lost.includes(rows - 1) && (rows === 1 || lost.includes(rows - 2));
}

/** What the store finds of what comparing all rows finds, for some of the rows; each node is asked for its share. */
export async function recallIn(
  { store, collection, stored }: { store: IndexStore; collection: string; stored: Stored },
  folder: string,
  manifest: Manifest,
): Promise<Recall> {
  const { rows } = manifest;
  const sampled = vectorsOf(folder, manifest, spread(Math.min(rows, SAMPLES), rows));
  const exact = await exactly(folder, manifest, sampled);
  const generation = new StoredGeneration(store.weaviate, collection, stored);
  const { urls } = store.nodes;
  const size = Math.ceil(sampled.length / urls.length);
  const found = await Promise.all(
    urls.map((url, turn) =>
      searchedApart(sampled.slice(turn * size, (turn + 1) * size), (one) =>
        generation.at(url).search(one, { top: TOP }),
      ),
    ),
  );
  return recallOf(exact, found.flat(), TOLERANCE);
}

/** The scores of the nearest rows to each vector. */
async function exactly(
  folder: string,
  manifest: Manifest,
  vectors: readonly Float32Array[],
): Promise<readonly (readonly number[])[]> {
  if (vectors.length === 0) return [];
  const opened = await Vectors.open(folder, filesOf(manifest));
  try {
    const found = await searchedApart(vectors, (one) =>
      opened.search(one, { top: TOP, exact: true, conditions: [] }),
    );
    return found.map((rows) => rows.map(({ score }) => score));
  } finally {
    opened.close();
  }
}
