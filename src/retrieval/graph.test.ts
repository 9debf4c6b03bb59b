import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { fakeEncoder, type FakeEncoder } from '../testing/fake-encoder.js';
import { indexWorld } from '../testing/index-world.js';
import { embed } from './embed.js';
import { OpenIndex } from './open-index.js';
import { list, publish, verify } from './publish.js';

const TOPICS = ['cats', 'dogs', 'birds'];
/** Words in common with its neighbours, as a graph wants it that leads from far to near. */
const textOf = (at: number) => `w${at} w${at + 1} w${at + 2} w${at + 3} ${TOPICS[at % 3] ?? ''}`;
const LINES = Array.from({ length: 600 }, (_, at) => ({
  text: textOf(at),
  topic: TOPICS[at % 3],
  rare: at % 200 === 0,
}));

function worldOf(context: TestContext) {
  const world = indexWorld(context);
  const { engine, directory } = world;
  return {
    ...world,
    fileOf: (name: string) => join(directory.folderOf('one'), name),
    /** The ids of what is found. */
    found: async (text: string, search: { top: number; exact?: boolean }, filter = {}) => {
      const encoder = engine.models[0] ?? assert.fail('no encoder');
      const opened = await OpenIndex.open(directory.folderOf('one'), { engine, encoder });
      const [embedded] = await embed(engine, 'encoder', [text]);
      const vectors = [embedded?.vector ?? assert.fail()];
      const [found = []] = await opened.within(filter).search(vectors, search);
      opened.retire();
      return found.map(({ id }) => id);
    },
  };
}

test('a generation with a graph says so, and finds what is near', async (context) => {
  const world = worldOf(context);
  const { directory, found } = world;
  const { manifest } = await world.build('one', world.corpus(LINES), { graph: 2 });
  assert.equal(manifest.graph, 'hnsw');
  assert.ok(manifest.statistics.recallAt10 > 0.95, String(manifest.statistics.recallAt10));
  assert.ok(manifest.files.some(({ name }) => name === 'graph.usearch'));
  assert.deepEqual(await found(textOf(41), { top: 1 }), ['42']);
  await publish(directory, 'one');
  assert.equal((await list(directory))[0]?.about?.search, 'hnsw');
  const served = await world.serve();
  const { search, bytes } = served.stats();
  assert.equal(search, 'hnsw');
  assert.equal(
    bytes,
    manifest.files.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  served.close();
});

test('a graph that leads to too little is refused with what it found, and exact search goes on', async (context) => {
  const { build, corpus, engine } = worldOf(context);
  // No line has a word of another: nothing leads from far to near.
  const apart = corpus(Array.from({ length: 1500 }, (_, at) => ({ text: `word${at}` })));
  await assert.rejects(
    build('one', apart, { graph: 1 }),
    /suit this corpus: \d\d\.\d % of the nearest rows found, 100\.0 % of the ten nearest, and 95 %/,
  );
  // Behind a thousand equal lines it finds no others.
  const alike = corpus(
    Array.from({ length: 1500 }, (_, at) => ({
      text: at < 1000 ? 'the same' : `kind${at % 20} word${at % 100}`,
    })),
  );
  await assert.rejects(build('one', alike, { graph: 1 }), /[0-8]\d\.\d % of the ten nearest/);
  const asked = (engine as FakeEncoder).seen.length;
  const { manifest } = await build('one', alike);
  assert.deepEqual([manifest.graph, manifest.statistics.recallAt10], [undefined, 1]);
  assert.ok((engine as FakeEncoder).seen.length < asked + 100, 'its vectors were kept');
});

test('without one it has none, and says that it is exact', async (context) => {
  const world = worldOf(context);
  const { manifest } = await world.build('one', world.corpus(LINES));
  assert.equal(manifest.graph, undefined);
  assert.equal(existsSync(world.fileOf('graph.usearch')), false);
  assert.equal((await list(world.directory))[0]?.about?.search, 'exact');
});

test('of lines that few meet a filter all are found, as without a graph', async (context) => {
  const world = worldOf(context);
  await world.build('one', world.corpus(LINES), { fields: ['topic', 'rare'], graph: 2 });
  const text = textOf(6);
  for (const filter of [{ rare: true }, { topic: 'dogs', rare: true }, { topic: 'fish' }]) {
    assert.deepEqual(
      await world.found(text, { top: 5 }, filter),
      await world.found(text, { top: 5, exact: true }, filter),
    );
  }
});

test('one thread makes the same graph of the same corpus', async (context) => {
  const world = worldOf(context);
  const corpus = world.corpus(LINES);
  const [one, two] = [
    await world.build('one', corpus, { graph: 1 }),
    await world.build('two', corpus, { graph: 1 }),
  ];
  assert.deepEqual(one.manifest.files, two.manifest.files);
});

for (const [what, damage] of Object.entries({
  flipped: (bytes: Buffer) => Buffer.from(bytes).fill((bytes[100] ?? 0) ^ 1, 100, 101),
  truncated: (bytes: Buffer) => bytes.subarray(0, -1),
  foreign: () => Buffer.from('another file'),
})) {
  test(`a graph that is ${what} is refused by its name`, async (context) => {
    const world = worldOf(context);
    await world.build('one', world.corpus(LINES), { graph: 2 });
    const file = world.fileOf('graph.usearch');
    const bytes = readFileSync(file);
    rmSync(file);
    writeFileSync(file, damage(bytes));
    await assert.rejects(verify(world.directory, 'one'), /graph\.usearch: its sha256 is/);
  });
}

test('the graph of another generation is refused', async (context) => {
  const world = worldOf(context);
  await world.build('one', world.corpus(LINES), { graph: 2 });
  await world.build('two', world.corpus(LINES.toReversed()), { graph: 2 });
  const file = world.fileOf('graph.usearch');
  rmSync(file);
  writeFileSync(file, readFileSync(join(world.directory.folderOf('two'), 'graph.usearch')));
  await assert.rejects(verify(world.directory, 'one'), /graph\.usearch: its sha256 is/);
  rmSync(file);
  await assert.rejects(verify(world.directory, 'one'), /graph\.usearch: No such file/);
});

test('a manifest whose files are not those of a graph is refused', async (context) => {
  const world = worldOf(context);
  await world.build('one', world.corpus(LINES), { graph: 2 });
  const file = world.fileOf('manifest.json');
  const text = readFileSync(file, 'utf8');
  for (const wrong of [
    text.replace(' "graph": "hnsw",\n', ''),
    text.replace('"hnsw"', '"other"'),
    text.replace('"graph.usearch"', '"../graph"'),
  ]) {
    assert.notEqual(wrong, text);
    writeFileSync(file, wrong);
    await assert.rejects(verify(world.directory, 'one'), /manifest\.json: (files: must|graph: )/);
  }
});

test('what an interrupted build has embedded is kept, with a graph or without', async (context) => {
  const encoder = fakeEncoder();
  const world = indexWorld(context, encoder);
  const corpus = world.corpus(LINES);
  encoder.before = (asked) => {
    if (asked > 520) throw new Error('killed');
  };
  await assert.rejects(world.build('one', corpus, { graph: 2 }), /killed/);
  encoder.before = () => undefined;
  // Half of a graph, as a process leaves it that is killed while it writes.
  const folder = join(world.directory.building, 'one');
  writeFileSync(join(folder, 'graph.usearch'), 'half');
  const { resumed, manifest } = await world.build('one', corpus);
  assert.ok(resumed > 0);
  assert.equal(manifest.graph, undefined);
  assert.equal(existsSync(join(world.directory.folderOf('one'), 'graph.usearch')), false);
});

test('a graph that cannot be written leaves no generation, and the same command goes on', async (context) => {
  const world = worldOf(context);
  const corpus = world.corpus(LINES);
  // The writer of a graph replaces a file, and no folder that has something in it.
  const half = join(world.directory.building, 'one', 'graph.usearch');
  mkdirSync(join(half, 'x'), { recursive: true });
  await assert.rejects(world.build('one', corpus, { graph: 2 }));
  assert.equal(world.directory.has('one'), false);
  rmSync(half, { recursive: true });
  assert.equal((await world.build('one', corpus, { graph: 2 })).resumed, 600);
});
