import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { indexWorld, type IndexWorld } from '../testing/index-world.js';
import { asOrdinaryUser } from '../testing/other-user.js';
import { MACHINE } from '../files/process-id.js';
import { collect, list, publish, rollback, verify } from './publish.js';

function pointed({ directory }: IndexWorld): readonly string[] {
  const pointer = directory.current();
  return pointer === undefined
    ? []
    : [pointer, ...pointer.previous].map(({ generation }) => generation);
}

/** Lets everybody into the folders of `world`, and write there. */
function opened({ directory }: IndexWorld): void {
  for (const folder of [join(directory.path, '..'), directory.path]) chmodSync(folder, 0o777);
}

test('a generation is published, and what was served before comes back', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  for (const name of ['a', 'b', 'c']) await world.published(name, [name]);
  assert.deepEqual(pointed(world), ['c', 'b', 'a']);
  assert.equal(await rollback(directory), 'b');
  assert.deepEqual(pointed(world), ['b', 'c', 'a']);
  assert.equal(await publish(directory, 'c'), 'published');
  assert.deepEqual(pointed(world), ['c', 'b', 'a']);
  assert.equal(await publish(directory, 'a'), 'published');
  assert.deepEqual(pointed(world), ['a', 'c', 'b'], 'each once');
});

test('what was rolled back from does not come back by itself, is told, and goes when it is old', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  for (const name of ['a', 'b', 'c']) await world.published(name, [name]);
  assert.equal(await rollback(directory), 'b');
  assert.equal(await rollback(directory), 'a');
  await assert.rejects(rollback(directory), /no generation was served before/);
  assert.deepEqual(
    (await list(directory)).map(({ generation, state }) => [generation, state]),
    [
      ['a', 'served'],
      ['b', 'withdrawn'],
      ['c', 'withdrawn'],
    ],
  );
  assert.deepEqual(await collect(directory, 1), ['c']);
  assert.equal(await publish(directory, 'b'), 'published');
  assert.equal(await rollback(directory), 'a');
});

test('a file that is missing or cut is told by the list', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  for (const name of ['a', 'b']) await world.published(name, [name]);
  rmSync(join(directory.folderOf('a'), 'fields.u32'));
  const file = join(directory.folderOf('b'), 'vectors.f32');
  writeFileSync(file, readFileSync(file).subarray(1));
  assert.deepEqual(
    (await list(directory)).map(({ state }) => state),
    ['damaged', 'damaged'],
  );
});

test('a generation may be a link to its folder', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  await world.build('a', world.corpus([{ text: 'a' }]));
  const elsewhere = join(directory.path, 'elsewhere');
  renameSync(directory.folderOf('a'), elsewhere);
  symlinkSync(elsewhere, directory.folderOf('a'));
  assert.deepEqual(directory.names(), ['a']);
  assert.equal(await publish(directory, 'a'), 'published');
});

test('what is done twice is done once', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['a']);
  const written = world.directory.written();
  assert.equal(await publish(world.directory, 'a'), 'unchanged');
  assert.equal(world.directory.written(), written);
});

test('who may not write where an index is published is told so, and may look at it', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  for (const name of ['a', 'b']) await world.published(name, [name]);
  opened(world);
  rmSync(directory.building, { recursive: true });
  chmodSync(directory.path, 0o555);
  const refused = /index cannot be written to by this user \(EACCES\); what is published there/;
  const corpus = world.corpus([{ text: 'c' }]);
  await asOrdinaryUser(async () => {
    await assert.rejects(world.build('c', corpus), /index cannot be written to by this user/);
    await assert.rejects(publish(directory, 'a'), refused);
    await assert.rejects(rollback(directory), refused);
    await assert.rejects(collect(directory, 0), refused);
    assert.equal((await verify(directory, 'a')).manifest.rows, 1);
    assert.deepEqual(
      (await list(directory)).map(({ state }) => state),
      ['served', 'before'],
    );
  });
  assert.deepEqual(pointed(world), ['b', 'a']);
});

test('what may not be read is not taken for damaged, and no pointer is written anew for it', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  for (const name of ['a', 'b']) await world.published(name, [name]);
  opened(world);
  const manifest = join(directory.folderOf('a'), 'manifest.json');
  const current = join(directory.path, 'current');
  chmodSync(manifest, 0);
  await asOrdinaryUser(async () => {
    assert.deepEqual(
      (await list(directory)).map(({ generation, state }) => [generation, state]),
      [
        ['b', 'served'],
        ['a', 'unreadable'],
      ],
    );
  });
  chmodSync(manifest, 0o644);
  chmodSync(current, 0);
  await asOrdinaryUser(async () => {
    await assert.rejects(publish(directory, 'a'), /current: EACCES/);
  });
  chmodSync(current, 0o644);
  assert.deepEqual(pointed(world), ['b', 'a'], 'what was served before is still known');
});

test('a rollback needs something to go back to', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['a']);
  await assert.rejects(rollback(world.directory), /no generation was served before/);
  assert.deepEqual(pointed(world), ['a']);
});

test('a generation that is not there is told with those that are', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['a']);
  await world.build('b', world.corpus([{ text: 'b' }]));
  await assert.rejects(publish(world.directory, 'z'), /has no generation z; there are a, b\./);
});

for (const name of [
  'vectors.f32',
  'vectors.i8',
  'scales.f32',
  'entries.jsonl',
  'entries.u64',
  'fields.u32',
]) {
  for (const [what, damage] of Object.entries({
    flipped: (bytes: Buffer) => {
      const copy = Buffer.from(bytes);
      copy[0] = (copy[0] ?? 0) ^ 1;
      return copy;
    },
    truncated: (bytes: Buffer) => bytes.subarray(0, bytes.length - 1),
    foreign: () => Buffer.from('another file'),
  })) {
    test(`${name}, ${what}, is refused by its name`, async (context) => {
      const world = indexWorld(context);
      await world.published('a', ['a', 'b']);
      await world.build('b', world.corpus([{ text: 'c', topic: 'x' }]), { fields: ['topic'] });
      const file = join(world.directory.folderOf('b'), name);
      const bytes = readFileSync(file);
      rmSync(file);
      writeFileSync(file, damage(bytes));
      await assert.rejects(publish(world.directory, 'b'), new RegExp(name.replace('.', '\\.')));
      assert.deepEqual(pointed(world), ['a'], 'what was served goes on');
    });
  }
}

for (const [what, text, expected] of [
  ['no JSON', 'x', /manifest\.json is not JSON, or not all of it is there/],
  ['of another format', '{"format":2}', /manifest\.json: format: /],
  ['with a key that is not known', (text: string) => text.replace('{', '{"x":1,'), /"x"/],
] as const) {
  test(`a manifest that is ${what} is refused`, async (context) => {
    const world = indexWorld(context);
    await world.build('a', world.corpus([{ text: 'a' }]));
    const file = join(world.directory.folderOf('a'), 'manifest.json');
    writeFileSync(file, typeof text === 'string' ? text : text(readFileSync(file, 'utf8')));
    await assert.rejects(verify(world.directory, 'a'), expected);
    assert.deepEqual(
      (await list(world.directory)).map(({ state }) => state),
      ['damaged'],
    );
  });
}

test('a generation under another name is refused', async (context) => {
  const world = indexWorld(context);
  await world.build('a', world.corpus([{ text: 'a' }]));
  renameSync(world.directory.folderOf('a'), world.directory.folderOf('b'));
  await assert.rejects(publish(world.directory, 'b'), /is the generation a under another name/);
});

test('a manifest that was changed after it was published is told by everybody', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['a']);
  const file = join(world.directory.folderOf('a'), 'manifest.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"recallAt1": 1', '"recallAt1": 0.5'));
  await assert.rejects(verify(world.directory, 'a'), /manifest has changed since it was published/);
  assert.deepEqual(
    (await list(world.directory)).map(({ state }) => state),
    ['damaged'],
  );
});

test('a manifest without the digests of all files is refused', async (context) => {
  const world = indexWorld(context);
  await world.build('a', world.corpus([{ text: 'a' }]));
  const file = join(world.directory.folderOf('a'), 'manifest.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { files: object[] };
  writeFileSync(file, JSON.stringify({ ...manifest, files: manifest.files.slice(1) }));
  await assert.rejects(publish(world.directory, 'a'), /files: must be entries\.jsonl,/);
});

test('a pointer that is damaged is told, and publishing writes it anew', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['a']);
  writeFileSync(join(world.directory.path, 'current'), '{"generation"');
  assert.throws(() => world.directory.current(), /current does not name a generation/);
  assert.equal(await publish(world.directory, 'a'), 'published');
  assert.deepEqual(pointed(world), ['a']);
});

test('the list says what is served, what was, and what is not whole', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  for (const name of ['a', 'b']) await world.published(name, [name]);
  await world.build('c', world.corpus([{ text: 'c' }]));
  rmSync(join(directory.folderOf('a'), 'manifest.json'));
  assert.deepEqual(
    (await list(directory)).map(({ generation, state }) => [generation, state]),
    [
      ['b', 'served'],
      ['a', 'damaged'],
      ['c', 'unpublished'],
    ],
  );
});

test('what nobody needs any more is removed, and nothing else', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  await world.build('earlier', world.corpus([{ text: 'earlier' }]));
  for (const name of ['a', 'b', 'c', 'd']) await world.published(name, [name]);
  await world.build('later', world.corpus([{ text: 'later' }]));
  const half = join(directory.building, 'half');
  await assert.rejects(world.build('half', world.corpus(['x'])));
  assert.ok(existsSync(half));
  // Such as one that is being copied here.
  mkdirSync(directory.folderOf('copying'));
  assert.deepEqual(await collect(directory, 1), ['half', 'b', 'a']);
  assert.deepEqual(directory.names(), ['c', 'copying', 'd', 'earlier', 'later']);
  assert.deepEqual(pointed(world), ['d', 'c']);
  assert.equal(existsSync(half), false);
  assert.deepEqual(await collect(directory, 1), []);
});

test('a build that runs is not taken away', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['a']);
  await assert.rejects(world.build('half', world.corpus(['x'])));
  writeFileSync(join(world.directory.building, 'half.lock'), `${process.ppid} ${MACHINE}`);
  assert.deepEqual(await collect(world.directory, 0), []);
});

test('one process changes the pointer at a time', async (context) => {
  const world = indexWorld(context);
  await world.published('a', ['a']);
  writeFileSync(join(world.directory.path, 'lock'), `${process.ppid} ${MACHINE}`);
  await assert.rejects(publish(world.directory, 'a'), /is at it/);
});
