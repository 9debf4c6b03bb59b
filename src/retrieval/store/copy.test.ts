import assert from 'node:assert/strict';
import { test } from 'node:test';

import { indexWorld } from '../../testing/index-world.js';
import { copied } from './copy.js';
import type { IndexStore } from './index-store.js';
import { descriptionOf, readStored, type Stored } from './stored.js';
import type { StoredRow } from './weaviate.js';

const URL = 'http://127.0.0.1:1';
const SERVED_BEFORE = [{ generation: 'before', manifest: '0'.repeat(64) }];

/** A store of one node that keeps what is said of one collection, and rows. */
function storeOf(beforePut: (say: (more: Partial<Stored>) => void) => void) {
  const said: Stored[] = [];
  const last = () => said.at(-1) ?? assert.fail('nothing is there');
  const rows = new Map<number, StoredRow>();
  const say = (description: string) => said.push(readStored(description) ?? assert.fail());
  const weaviate = {
    answering: () => Promise.resolve([URL]),
    members: () => Promise.resolve([{ name: 'n', isHealthy: true, isSafe: true }]),
    create: ({ description }: { description: string }) => Promise.resolve(say(description)),
    collection: () => Promise.resolve({}),
    put: (_: string, written: readonly StoredRow[]) => {
      beforePut((more) => say(descriptionOf({ ...last(), ...more })));
      for (const row of written) rows.set(row.row, row);
      return Promise.resolve();
    },
    waiting: () => Promise.resolve(0),
    count: () => Promise.resolve(rows.size),
    lost: () => Promise.resolve([]),
    nearest: (_: string, vectors: readonly Float32Array[]) =>
      Promise.resolve(
        vectors.map(() =>
          [...rows.values()].map(({ row, entry }) => ({ row, entry, distance: 0 })).slice(0, 10),
        ),
      ),
  };
  const store = {
    ...{ weaviate, place: 'the store', nodes: { urls: [URL] } },
    asked: <T>(ask: () => Promise<T>) => ask(),
    collectionOf: (manifest: string) => `Chorus_${manifest.slice(0, 32)}`,
    all: () => Promise.resolve([]),
    stored: () => Promise.resolve(last()),
    describe: (_: string, stored: Stored) => Promise.resolve(say(descriptionOf(stored))),
  };
  return { store: store as unknown as IndexStore, said };
}

for (const [when, isWhole] of [
  ['has finished it, and serves it', true],
  ['has begun to serve another', false],
] as const) {
  test(`what is said of a generation stays said where another publisher ${when} meanwhile`, async (context) => {
    const world = indexWorld(context);
    await world.build('one', world.corpus([{ text: 'a' }, { text: 'b' }]));
    let isSaid = false;
    const { store, said } = storeOf((say) => {
      if (!isSaid) say({ isWhole, previous: SERVED_BEFORE });
      isSaid = true;
    });
    const { directory } = world;
    const progress = { done: () => undefined, note: () => undefined };
    const copies = { replicas: undefined, shards: undefined };
    await copied('one', { store, nodes: 1, directory, copies, progress });
    const { isWhole: isWholeNow, previous } = said.at(-1) ?? assert.fail();
    assert.deepEqual([isWholeNow, previous], [true, SERVED_BEFORE]);
    const wholeSince = said.findIndex((each) => each.isWhole);
    assert.ok(said.slice(wholeSince).every((each) => each.isWhole));
  });
}
