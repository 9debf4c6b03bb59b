import assert from 'node:assert/strict';
import fs, { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

import { runChorus } from '../testing/chorus-process.js';
import { indexWorld } from '../testing/index-world.js';
import { collect } from './publish.js';

test('on a full disk nothing is published, what is served goes on, and what was interrupted makes room', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  for (const name of ['a', 'b']) await world.published(name, [name]);
  const written = directory.written();
  mkdirSync(join(directory.building, 'c'));
  writeFileSync(join(directory.building, 'c', 'vectors.f32'), 'half');
  const onFullDisk = (...args: readonly string[]) =>
    runChorus(['index', ...args, '--index-dir', directory.path], {}, { fileBytes: 0 });
  for (const args of [['publish', 'a'], ['rollback'], ['gc', '--keep', '0']]) {
    const { code, stderr } = await onFullDisk(...args);
    assert.equal(code, 1, args.join(' '));
    assert.match(
      stderr,
      /^chorus: There is no room left in \S+index \(EFBIG: .*chorus index gc does\.$/m,
    );
    assert.equal(directory.written(), written);
    assert.deepEqual(readdirSync(directory.path).sort(), ['building', 'current', 'generations']);
    if (args[0] !== 'gc') continue;
    assert.deepEqual(readdirSync(directory.building), []);
    assert.deepEqual(directory.names(), ['b']);
  }
  assert.deepEqual(await collect(directory, 0), []);
  assert.deepEqual(directory.current()?.previous, []);
});

test('a pointer that finds no room has that of the generations that go', async (context) => {
  const world = indexWorld(context);
  const { directory } = world;
  for (const name of ['a', 'b']) await world.published(name, [name]);
  const { writeSync } = fs;
  context.mock.method(fs, 'writeSync', (file: number, bytes: Uint8Array, at: number) => {
    if (directory.has('a')) throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
    return writeSync(file, bytes, at);
  });
  syncBuiltinESMExports();
  context.after(() => {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  });
  assert.deepEqual(await collect(directory, 0), ['a']);
  assert.deepEqual(directory.current()?.previous, []);
});
