/**
 * A generation of a folder, copied into a collection of its own.
 *
 * A copy that was interrupted is finished by the same command, which writes all rows once more. What is there could be passed
 * over only if it were known to be whole on every node that is to have it: an answer is one node's. To ask each of three for 256
 * rows with their vectors of 192 values took 99 ms, and to write them again 41 ms.
 *
 * Several may copy the same generation at once. Whoever says something of its collection adds it to what is said: one that is
 * whole stays so, and what was served before it stays known.
 */

import { StartError } from '../../start-error.js';
import type { IndexDirectory } from '../index-directory.js';
import type { Manifest } from '../manifest.js';
import { verify } from '../publish.js';
import type { Progress } from '../publisher.js';
import { isEnough, recallText } from '../recall.js';
import { rowsIn } from '../row-reader.js';
import type { IndexStore } from './index-store.js';
import { until } from './patience.js';
import { descriptionOf, storedOf, writtenValue, type Stored } from './stored.js';
import { recallIn, requireWhole } from './whole.js';

export interface Copies {
  /** Of each row, on as many nodes; nothing: three, or one on every node. */
  readonly replicas: number | undefined;
  /** Parts of a generation, each of which some nodes have; nothing: one. */
  readonly shards: number | undefined;
}

const REPLICAS = 3;
/** A few megabytes of JSON. */
const ROWS = 256;
const TELL_AGAIN_MS = 10_000;
const SAY_AGAIN_MS = 600_000;

export interface CopyParts {
  readonly store: IndexStore;
  /** How many the store has, all of them well. */
  readonly nodes: number;
  readonly directory: IndexDirectory;
  readonly copies: Copies;
  readonly progress: Progress;
}

/**
 * The collection that has `generation` whole, on every node.
 *
 * @throws {StartError} when the generation is damaged, a node is not well, or the store does not find what it has.
 */
export async function copied(generation: string, parts: CopyParts): Promise<string> {
  const { store, directory, progress } = parts;
  const { manifest, sha256 } = await verify(directory, generation);
  const collection = store.collectionOf(sha256);
  const all = await store.all();
  const known = all.find((each) => each.collection === collection);
  if (known?.stored.isWhole === true) {
    progress.note(`${generation} is in the store already`);
    await requireShape(collection, parts);
    await store.asked(() => requireWhole(store, collection, known.stored, store.nodes.urls));
    return collection;
  }
  if (all.some(({ stored }) => stored.generation === generation && stored.manifest !== sha256)) {
    throw new StartError([
      `${store.place} has another generation ${generation}, and generations are never written again; build this one by ` +
        'another name.',
    ]);
  }
  const stored = storedOf(manifest, sha256);
  if (known === undefined) await create(stored, parts);
  await requireShape(collection, parts);
  const folder = directory.folderOf(generation);
  let saidAt = -Infinity;
  for (const rows of rowsIn(folder, manifest, ROWS)) {
    if (performance.now() - saidAt > SAY_AGAIN_MS) {
      const said = await store.stored(collection);
      if (said.isWhole) break;
      // That somebody is at it: `collect` removes what was given up.
      await store.describe(collection, { ...said, begun: new Date().toISOString() });
      saidAt = performance.now();
    }
    const written = rows.map(({ values, ...row }) => ({
      ...row,
      values: values.map((value) => (value === undefined ? undefined : writtenValue(value))),
    }));
    await store.asked(() => store.weaviate.put(collection, written));
    progress.done((rows.at(-1)?.row ?? 0) + 1, manifest.rows);
  }
  await settle({ store, collection, stored }, folder, manifest, progress);
  return collection;
}

/** Tries it, and says that it is whole. */
async function settle(
  { store, collection, stored }: { store: IndexStore; collection: string; stored: Stored },
  folder: string,
  manifest: Manifest,
  progress: Progress,
): Promise<void> {
  await healthy(store);
  await searchable(store, collection, progress);
  await store.asked(() => requireWhole(store, collection, stored, store.nodes.urls));
  const recall = await store.asked(() => recallIn({ store, collection, stored }, folder, manifest));
  if (!isEnough(recall)) {
    throw new StartError([
      `${manifest.generation} is in ${store.place}, whose search is not good enough to be published: ` +
        `${recallText(recall)}, and 95 % of each is wanted.`,
    ]);
  }
  const said = await store.stored(collection);
  if (said.isWhole) return;
  const statistics = { ...manifest.statistics, ...recall };
  await store.describe(collection, { ...said, statistics, isWhole: true });
}

/** Resolves once all vectors can be searched; that takes as long as it takes, while it goes on. */
async function searchable(
  store: IndexStore,
  collection: string,
  progress: Progress,
): Promise<void> {
  let least = Infinity;
  let toldAt = performance.now();
  for (;;) {
    const before = least;
    let waiting = 0;
    await store.asked(() =>
      until(
        async () => {
          waiting = await store.weaviate.waiting(collection);
          return waiting === 0 || waiting < before;
        },
        () => `${store.place} gets no further with ${waiting} vectors that wait`,
      ),
    );
    if (waiting === 0) return;
    least = waiting;
    if (performance.now() - toldAt < TELL_AGAIN_MS) continue;
    toldAt = performance.now();
    progress.note(`${waiting} vectors wait in the store until they can be searched`);
  }
}

async function create(
  stored: Stored,
  { store, nodes, copies: { replicas = Math.min(REPLICAS, nodes), shards = 1 } }: CopyParts,
): Promise<void> {
  if (replicas > nodes) {
    throw new StartError([
      `--replicas is ${replicas}, and ${store.place} has ${nodes} nodes, each of which has a row once at most.`,
    ]);
  }
  await store.asked(() =>
    store.weaviate.create({
      name: store.collectionOf(stored.manifest),
      description: descriptionOf(stored),
      fields: stored.fields.length,
      ...{ replicas, shards },
    }),
  );
}

/** @throws {StartError} when it is kept otherwise than is asked for. */
async function requireShape(collection: string, { store, copies }: CopyParts): Promise<void> {
  const found = await store.asked(() => store.weaviate.collection(collection));
  const { replicationConfig: { factor } = {}, shardingConfig: { desiredCount } = {} } = found ?? {};
  const { replicas = factor, shards = desiredCount } = copies;
  if (replicas === factor && shards === desiredCount) return;
  throw new StartError([
    `${collection} was begun with --replicas ${factor} --shards ${desiredCount}; go on with these, or build it again by another name.`,
  ]);
}

/**
 * How many nodes the store has.
 *
 * @throws {StartError} when one of them is not well: what it lacks, it would lack for ever.
 */
export async function healthy(store: IndexStore): Promise<number> {
  const answering = await store.weaviate.answering();
  const silent = store.nodes.urls.filter((url) => !answering.includes(url));
  if (silent.length > 0) {
    throw new StartError([`${store.place}: ${silent.join(' and ')} does not answer; all must.`]);
  }
  const nodes = await store.asked(() => store.weaviate.members());
  const unsafe = nodes.filter(({ isSafe }) => !isSafe).map(({ name }) => name);
  if (unsafe.length > 0) {
    throw new StartError([
      `${store.place}: ${unsafe.join(' and ')} would lose vectors without a word when it is killed; start all nodes with ` +
        'ASYNC_INDEXING=true.',
    ]);
  }
  const ill = nodes.filter(({ isHealthy }) => !isHealthy).map(({ name }) => name);
  if (ill.length === 0) return nodes.length;
  throw new StartError([
    `${store.place}: ${ill.join(' and ')} does not answer the others; rows are written on all nodes or on none.`,
  ]);
}
