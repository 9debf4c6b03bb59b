/**
 * Publishing to a store: a generation is copied into a collection of its own, counted and tried on every node, and then
 * named by the alias, in one step.
 *
 * Whoever is interrupted before that step has changed nothing that is served. Two at once do not harm each other's rows,
 * and the last one to come decides what is served.
 */

import { StartError } from '../../start-error.js';
import type { IndexDirectory, ServedBefore } from '../index-directory.js';
import type { Listed, Progress, Publisher, Verified } from '../publisher.js';
import { lastOf, stateOf, withdrawn } from '../served-before.js';
import { copied, healthy, type Copies } from './copy.js';
import type { IndexStore } from './index-store.js';
import { until } from './patience.js';
import { namedOf, type Stored } from './stored.js';
import { requireWhole } from './whole.js';

export interface StorePublisherParts {
  readonly store: IndexStore;
  /** Where generations are built; without one, nothing can be published that the store does not have. */
  readonly directory: IndexDirectory | undefined;
  readonly copies: Copies;
}

/** What nobody has gone on with for so long was given up. */
const GIVEN_UP_MS = 24 * 3_600_000;

export class StorePublisher implements Publisher {
  readonly place: string;

  constructor(private readonly parts: StorePublisherParts) {
    this.place = parts.store.place;
  }

  async publish(generation: string, progress: Progress): Promise<'published' | 'unchanged'> {
    const { store, directory, copies } = this.parts;
    const nodes = await healthy(store);
    const { length } = store.nodes.urls;
    if (length < nodes) {
      progress.note(
        `the store has ${nodes} nodes; give the address of each: rows are counted on ${length} alone`,
      );
    }
    const collection =
      directory?.has(generation) === true
        ? await copied(generation, { store, nodes, directory, copies, progress })
        : (await this.named(generation)).collection;
    const served = await this.served();
    if (served !== undefined && store.collectionOf(served.manifest) === collection) {
      return 'unchanged';
    }
    const before = served === undefined ? [] : [namedOf(served), ...served.previous];
    const others = before.filter(({ manifest }) => store.collectionOf(manifest) !== collection);
    await this.serve(collection, others);
    return 'published';
  }

  /** Also while nodes are gone: it is what helps now. */
  async rollback(): Promise<string> {
    const { store } = this.parts;
    const served = await this.served();
    const last = lastOf(served);
    if (served === undefined || last === undefined) {
      throw new StartError([`${this.place}: no generation was served before the one that is.`]);
    }
    const collection = store.collectionOf(last.manifest);
    const stored = await store.stored(collection);
    const urls = await store.weaviate.answering();
    await store.asked(() => requireWhole(store, collection, stored, urls));
    await this.serve(collection, withdrawn(served, last));
    return last.generation;
  }

  async list(): Promise<readonly Listed[]> {
    const served = await this.served();
    const order = served === undefined ? [] : [namedOf(served), ...served.previous];
    const all = await this.parts.store.all();
    return all
      .map(({ stored }) => {
        const at = order.findIndex(({ manifest }) => manifest === stored.manifest);
        return { stored, at: at < 0 ? Infinity : at };
      })
      .sort((one, other) => one.at - other.at)
      .map(({ stored, at }) => {
        const { generation, created, rows, dimensions, encoder, fields, isWhole } = stored;
        const published = stateOf(order, at);
        const about = { created, rows, dimensions, encoder, fields, search: 'hnsw' as const };
        return { generation, state: isWhole ? published : 'unfinished', about };
      });
  }

  async verify(generation: string): Promise<Verified> {
    const { collection, stored } = await this.named(generation);
    const { store } = this.parts;
    await store.asked(() => requireWhole(store, collection, stored, store.nodes.urls));
    const { rows, statistics } = stored;
    return { rows, search: 'hnsw', recall: statistics };
  }

  async collect(keep: number): Promise<readonly string[]> {
    const { store } = this.parts;
    const served = await this.served();
    const previous = served?.previous ?? [];
    const gone = new Set(previous.slice(keep).map(({ manifest }) => manifest));
    // What is said first: what it names is there.
    if (served !== undefined && gone.size > 0) {
      const collection = store.collectionOf(served.manifest);
      await store.describe(collection, { ...served, previous: previous.slice(0, keep) });
    }
    const removed: string[] = [];
    for (const { collection, stored } of await store.all()) {
      const age = Date.now() - Date.parse(stored.begun);
      if (!gone.has(stored.manifest) && (stored.isWhole || age < GIVEN_UP_MS)) continue;
      await store.asked(() => store.weaviate.remove(collection));
      removed.push(stored.generation);
    }
    return removed;
  }

  /** What may come back is written before the one step, where nobody reads it yet. */
  private async serve(collection: string, previous: readonly ServedBefore[]): Promise<void> {
    const { store } = this.parts;
    const { weaviate, name } = store;
    const stored = await store.stored(collection);
    const { generation } = stored;
    await store.describe(collection, { ...stored, previous: [...previous] });
    const before = await store.written();
    await store.asked(() => weaviate.point(name, collection));
    let now: string | undefined;
    await store.asked(() =>
      until(
        async () => {
          now = await weaviate.aliased(name);
          return now === collection || now !== before;
        },
        () => `${generation} is published, and the store does not say so`,
      ),
    );
    if (now === collection || now === undefined) return;
    const other = (await store.stored(now)).generation;
    throw new StartError([
      `${generation} was published, and at the same time somebody has published ${other}, which is served now; publish from ` +
        'one place at a time.',
    ]);
  }

  private async served(): Promise<Stored | undefined> {
    const { store } = this.parts;
    const collection = await store.written();
    return collection === undefined ? undefined : store.stored(collection);
  }

  /** @throws {StartError} when the store has none of that name that is whole. */
  private async named(generation: string) {
    const { store, directory } = this.parts;
    const all = await store.all();
    const found = all.find(({ stored }) => stored.generation === generation && stored.isWhole);
    if (found !== undefined) return found;
    const names = all.map(({ stored }) => stored.generation);
    const there = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`;
    const also = directory === undefined ? '' : `, and neither has ${directory.path}`;
    throw new StartError([`${this.place} has no generation ${generation}${also}; ${there}.`]);
  }
}
