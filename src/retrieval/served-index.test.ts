import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { Engine } from '../engine/engine.js';
import { fakeEncoder } from '../testing/fake-encoder.js';
import { indexWorld, type IndexWorld } from '../testing/index-world.js';
import { until } from '../testing/until.js';
import { embed } from './embed.js';
import { folderSource, type IndexSource } from './index-source.js';
import { readManifest } from './manifest.js';
import { publish, rollback } from './publish.js';
import { StartError } from '../start-error.js';
import { ServedIndex, type IndexEvent, type ServedParts, type StartParts } from './served-index.js';

async function serve(
  context: TestContext,
  { directory, engine }: IndexWorld,
  by: Engine = engine,
  requireRoom: ServedParts['requireRoom'] = () => undefined,
  { before, source = folderSource(directory) }: Partial<StartParts> = {},
) {
  const events: IndexEvent[] = [];
  const index = await ServedIndex.start({
    ...{ source, before, engine: by, encoder: by.models[0] ?? assert.fail() },
    onEvent: (event) => events.push(event),
    requireRoom,
  });
  context.after(() => {
    index.close();
  });
  return { index, events };
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function withResolvers(): PromiseWithResolvers {
  let [resolve, reject]: [() => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((resolved, rejected) => {
    [resolve, reject] = [resolved, rejected];
  });
  return { promise, resolve, reject };
}

function serves(index: ServedIndex, generation: string): Promise<true> {
  return until(() => index.stats().generation === generation, `${generation} is served`);
}

test('what is published is served, and what is taken back is not, without a restart', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const { index, events } = await serve(context, world);
  assert.equal(index.stats().generation, 'a');
  await world.published('b', ['two', 'three']);
  await serves(index, 'b');
  assert.equal(index.stats().rows, 2);
  await rollback(world.directory);
  await serves(index, 'a');
  const { switches, isBehind } = index.stats();
  assert.deepEqual([switches, isBehind], [{ done: 2, failed: 0 }, false]);
  assert.deepEqual(
    events.map(({ what, generation }) => [what, generation]),
    [
      ['serving', 'b'],
      ['serving', 'a'],
    ],
  );
});

test('a request ends in the generation that it began in', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const { index } = await serve(context, world);
  const used = index.current.use();
  await world.published('b', ['two']);
  await serves(index, 'b');
  const vectors = (await embed(world.engine, 'encoder', ['one'])).map(({ vector }) => vector);
  const [[first] = []] = await used.within({}).search(vectors, { top: 1 });
  assert.equal(first?.text, 'one');
  used.release();
  await assert.rejects(used.within({}).search(vectors, { top: 1 }), /is not open/);
});

test('a damaged generation is refused by its name, and the one that is served goes on', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const { index, events } = await serve(context, world);
  const { manifest } = world.directory.current() ?? assert.fail();
  await world.build('b', world.corpus([{ text: 'two' }]));
  const { sha256 } = await readManifest(world.directory.folderOf('b'));
  damage(world, 'b');
  // As if it had been damaged after it was published.
  world.directory.point({ generation: 'b', manifest: sha256 }, [{ generation: 'a', manifest }]);
  await until(() => index.stats().isBehind, 'b is refused');
  assert.equal(index.stats().generation, 'a');
  assert.match((events[0] as { error: string }).error, /vectors\.f32/);
  await rollback(world.directory);
  await until(() => !index.stats().isBehind, 'the pointer names what is served');
});

test('a generation that has no room beside the one that is served is refused, and that one goes on', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one', 'two']);
  const asked: unknown[] = [];
  const { index, events } = await serve(
    context,
    world,
    world.engine,
    (next, beside, generation) => {
      asked.push([generation, next.read, beside.read]);
      if (generation === 'b')
        throw new StartError(['b needs 2 MiB:', '     1 MiB  what is served']);
    },
  );
  await world.published('b', ['one']);
  await until(() => index.stats().isBehind, 'b is refused');
  const row = 4096 + 4;
  assert.deepEqual(asked.slice(0, 2), [
    ['a', 2 * row, 0],
    ['b', row, 2 * row],
  ]);
  assert.equal(index.stats().generation, 'a');
  const told = { what: 'refused', generation: 'b', error: 'b needs 2 MiB: 1 MiB  what is served' };
  assert.deepEqual(events, [told]);
  await world.published('c', ['three']);
  await serves(index, 'c');
});

test('a pointer that cannot be read changes nothing', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const { index, events } = await serve(context, world);
  for (const written of ['{', '{"generation":"../../etc","manifest":"","previous":[]}', '']) {
    writeFileSync(join(world.directory.path, 'current'), written);
    await until(() => events.length > 0, 'it is told');
    assert.match((events.pop() as { error: string }).error, /current does not name a generation/);
    assert.equal(index.stats().generation, 'a');
  }
  rmSync(join(world.directory.path, 'current'));
  await until(() => events.length > 0, 'it is told');
  assert.equal(index.stats().generation, 'a');
  await publish(world.directory, 'a');
  await until(() => !index.stats().isBehind, 'the pointer names what is served');
});

test('a broken newest generation does not stop a start: the last good one is served, and that is told', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  await world.published('b', ['two']);
  damage(world, 'b');
  const { index, events } = await serve(context, world);
  const { generation, isBehind } = index.stats();
  assert.deepEqual([generation, isBehind], ['a', true]);
  assert.deepEqual(
    events.map(({ what, generation }) => [what, generation]),
    [['refused', 'b']],
  );
});

test('what is loaded anew is what is published, or what is served: no other generation takes its place', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  await world.published('a', ['one']);
  const first = await serve(context, world);
  const again = () => serve(context, world, world.engine, undefined, { before: first.index });
  await world.published('b', ['two']);
  await serves(first.index, 'b');
  damage(world, 'b');
  await assert.rejects(again(), /vectors\.f32/);
  // Where what is published was never served, what is goes on.
  await rollback(directory);
  await serves(first.index, 'a');
  await world.build('c', world.corpus([{ text: 'three' }]));
  damage(world, 'c');
  const named = async (generation: string) => {
    const { sha256: manifest } = await readManifest(directory.folderOf(generation));
    return { generation, manifest };
  };
  directory.point(await named('c'), [await named('b'), await named('a')]);
  await until(() => first.index.stats().isBehind, 'c is refused');
  const { generation, isBehind } = (await again()).index.stats();
  assert.deepEqual([generation, isBehind], ['a', true]);
});

test('what is counted is counted on when an index is loaded anew', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const first = await serve(context, world);
  await world.published('b', ['two']);
  await serves(first.index, 'b');
  first.index.searched(0.25);
  const parts = { before: first.index };
  const { index } = await serve(context, world, world.engine, undefined, parts);
  first.index.searched(0.25);
  const { switches, searchSeconds } = index.stats();
  assert.deepEqual([switches, searchSeconds.sum], [{ done: 1, failed: 0 }, 0.5]);
});

test('what was being opened when its engine went is nobody’s fault', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const folder = folderSource(world.directory);
  let opening: PromiseWithResolvers | undefined;
  const source: IndexSource = {
    ...folder,
    async open(named, by) {
      if (named.generation === 'b') await (opening = withResolvers()).promise;
      return folder.open(named, by);
    },
  };
  const { index, events } = await serve(context, world, world.engine, undefined, { source });
  await world.published('b', ['two']);
  await until(() => opening !== undefined, 'it is being opened');
  index.close();
  opening?.reject(new Error('the engine is not loaded'));
  await new Promise(setImmediate);
  assert.deepEqual(events, []);
});

test('a disk that does not say what is published holds up nobody, and is told', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const folder = folderSource(world.directory);
  let reading: PromiseWithResolvers | undefined;
  let isStill = false;
  const source: IndexSource = {
    ...folder,
    async written() {
      if (isStill) await (reading = withResolvers()).promise;
      return folder.written();
    },
  };
  const { index, events } = await serve(context, world, world.engine, undefined, { source });
  isStill = true;
  await until(() => reading !== undefined, 'it is being read');
  const now = performance.now.bind(performance);
  context.mock.method(performance, 'now', () => now() + 11_000);
  await until(() => index.stats().isBehind, 'it is told');
  assert.match((events[0] as { error: string }).error, /index does not say what is published/);
  isStill = false;
  reading?.resolve();
  await until(() => !index.stats().isBehind, 'it is followed again');
  assert.equal(index.stats().generation, 'a');
});

test('a start without any generation that can be served says why of each', async (context) => {
  const world = indexWorld(context);
  await assert.rejects(serve(context, world), /is not a folder/);
  await world.build('a', world.corpus([{ text: 'one' }]));
  await assert.rejects(serve(context, world), /has no published generation/);
  await publish(world.directory, 'a');
  damage(world, 'a');
  await assert.rejects(serve(context, world), /vectors\.f32/);
});

test('an index of another encoder is refused, however alike it looks', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const other = fakeEncoder({ seed: 2 });
  await assert.rejects(
    serve(context, world, other),
    /was built by another encoder than encoder is/,
  );
  // One that says it is the same, and gives other vectors.
  const liar: Engine = { ...other, models: world.engine.models };
  await assert.rejects(serve(context, world, liar), /embeds the text of row 0 otherwise/);
});

test('a manifest that was changed after it was published is refused', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['one']);
  const file = join(world.directory.folderOf('a'), 'manifest.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"rows": 1', '"rows":  1'));
  await assert.rejects(serve(context, world), /its manifest has changed since it was published/);
});

function damage({ directory }: IndexWorld, generation: string): void {
  const file = join(directory.folderOf(generation), 'vectors.f32');
  const bytes = readFileSync(file);
  bytes[1] = (bytes[1] ?? 0) ^ 1;
  // Not in place: it is mapped.
  rmSync(file);
  writeFileSync(file, bytes);
}
