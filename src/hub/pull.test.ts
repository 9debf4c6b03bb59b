import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import {
  assertWhole,
  FILES,
  PROFILE,
  pullWorld,
  REPO,
  SERVED,
  WEIGHTS,
} from '../testing/pull-world.js';
import { until } from '../testing/until.js';
import { locateModels } from './installed.js';

test('brings the files that serving needs, verified, and locks them', async (context) => {
  const own = await pullWorld(context);
  const { pulled, bytes } = await own.pull();
  assert.deepEqual(pulled, ['a']);
  assert.ok(bytes > WEIGHTS.length);
  assertWhole(own);
  const lock = JSON.parse(readFileSync(own.lockFile, 'utf8')) as {
    models: { a: { licence: string; files: { path: string; sha256: string }[] } };
  };
  assert.equal(lock.models.a.licence, 'mit');
  const sha256 = createHash('sha256').update(WEIGHTS).digest('hex');
  assert.equal(
    lock.models.a.files.find(({ path }) => path === 'model.safetensors')?.sha256,
    sha256,
  );
  const installed = own.installed();
  assert.equal(installed.folder, own.cache.snapshot(REPO, own.commit));
  assert.equal(installed.locked.length, SERVED.length);
});

test('a second pull asks the hub for nothing', async (context) => {
  const own = await pullWorld(context);
  await own.pull();
  own.hub.clearRequests();
  await own.pull();
  assert.equal(own.hub.requests.length, 0);
});

test('weights come from the commit that the profile names for them', async (context) => {
  const own = await pullWorld(context, {
    files: { 'config.json': '{}', 'vocab.txt': 'a', 'pytorch_model.bin': 'pickle' },
  });
  const other = await own.hub.addCommit(REPO, {
    ref: 'refs/pr/1',
    files: { 'config.json': '{"other":1}', 'model.safetensors': WEIGHTS },
  });
  own.profile(
    `name: own\nmodels: [{ name: a, source: { repo: ${REPO}, revision: '${own.commit.slice(0, 7)}', ` +
      `weights_revision: '${other}' } }]\nroutes: [{ path: /process, contract: process }]\n`,
  );
  await own.pull();
  const installed = own.installed();
  assert.equal(installed.folder, own.cache.snapshot(REPO, own.commit));
  assert.equal(installed.weightsFolder, own.cache.snapshot(REPO, other));
  assert.deepEqual(readdirSync(installed.weightsFolder), ['model.safetensors']);
});

test('a pickle is converted, and serving needs the converted file alone', async (context) => {
  const own = await pullWorld(context, {
    files: {
      'config.json': '{}',
      'vocab.json': '{}',
      'merges.txt': '',
      'pytorch_model.bin': 'pickle',
    },
  });
  await own.pull();
  rmSync(own.cache.file(REPO, own.commit, 'pytorch_model.bin'));
  const installed = own.installed();
  const names = installed.locked.map(({ path }) => path.split('/').at(-1)).sort();
  assert.deepEqual(names, ['config.json', 'merges.txt', 'model.safetensors', 'vocab.json']);
});

test('a cache that has everything may be read-only', async (context) => {
  const own = await pullWorld(context, {
    files: { 'config.json': '{}', 'vocab.txt': 'a', 'pytorch_model.bin': 'pickle' },
  });
  await own.pull();
  context.mock.method(own.cache, 'exclusively', () => assert.fail('it is written to'));
  await own.pull();
});

test('a revision that does not exist is named', async (context) => {
  const own = await pullWorld(context);
  own.profile(PROFILE('0123456789012345678901234567890123456789'));
  assert.match(await own.refusal(), /^owner\/name at 0123.*: there is no such revision\.$/);
});

test('a private repository needs the token, which stays with the hub', async (context) => {
  const own = await pullWorld(context, { private: true });
  assert.match(await own.refusal(), /not found on .*HF_TOKEN/);
  await own.pull({ token: 'hf_valid' });
  assertWhole(own);
  assert.equal(own.hub.tokenLeaked, false);
});

for (const [name, files, line] of [
  [
    'no configuration',
    { 'vocab.txt': '', 'model.safetensors': '' },
    /expected config\.json, found/,
  ],
  [
    'no tokenizer',
    { 'config.json': '', 'model.safetensors': '' },
    /expected a tokenizer \(.*\), found/,
  ],
  ['no weights', { 'config.json': '', 'vocab.txt': '' }, /expected model\.safetensors, .*, found/],
] as const) {
  test(`a repository with ${name} is named with what it has`, async (context) => {
    const own = await pullWorld(context, { files });
    assert.match(await own.refusal(), line);
  });
}

test('with a lock, other contents are refused', async (context) => {
  const own = await pullWorld(context);
  await own.pull();
  rmSync(own.cache.folder, { recursive: true });
  const lock = readFileSync(own.lockFile, 'utf8');
  const sha256 = createHash('sha256').update(WEIGHTS).digest('hex');
  writeFileSync(own.lockFile, lock.replaceAll(sha256, '0'.repeat(64)));
  assert.match(
    await own.refusal(),
    /model\.safetensors: expected the sha256 0{64}, found [0-9a-f]{64}/,
  );
});

test('a file that was changed in the cache is refused', async (context) => {
  const own = await pullWorld(context);
  await own.pull();
  writeFileSync(own.cache.file(REPO, own.commit, 'config.json'), '{"model_type":"evil"}');
  assert.match(await own.refusal(), /config\.json: expected the sha256 .*delete it and pull again/);
});

test('another revision than the lock has is refused until the lock is updated', async (context) => {
  const own = await pullWorld(context);
  await own.pull();
  const next = await own.hub.addCommit(REPO, { files: { ...FILES, 'config.json': '{"n":2}' } });
  own.profile(PROFILE(next));
  assert.match(await own.refusal(), /the profile names .* but .*own\.lock\.json has .*--update/);
  assert.throws(() => locateModels(own.profile(), own.cache), /--update/);
  await own.pull({ update: true });
  assert.equal(locateModels(own.profile(), own.cache).size, 1);
});

test('a lock that nobody could have written is refused', async (context) => {
  const own = await pullWorld(context);
  await own.pull();
  const lock = readFileSync(own.lockFile, 'utf8');
  writeFileSync(own.lockFile, lock.replace('"config.json"', '"../../../etc/passwd"'));
  assert.match(await own.refusal(), /own\.lock\.json is not a lock .* must be a plain path/);
});

test('a lock that may lack files is refused until it is written anew', async (context) => {
  const own = await pullWorld(context);
  await own.pull();
  const lock = readFileSync(own.lockFile, 'utf8');
  writeFileSync(own.lockFile, lock.replace('"version": 2', '"version": 1'));
  assert.match(await own.refusal(), /own\.lock\.json is of version 1, .* with --update/);
  await own.pull({ update: true });
  assert.equal(readFileSync(own.lockFile, 'utf8'), lock);
});

test('what is missing is said with the command that brings it', async (context) => {
  const own = await pullWorld(context);
  assert.throws(
    () => locateModels(own.profile(), own.cache),
    /^StartError: Model a of profile own is not pulled, and not in .*; run: chorus pull .*own\.yaml$/,
  );
});

test('two pulls at once leave whole files', async (context) => {
  const own = await pullWorld(context);
  own.hub.fault({ kind: 'stall', path: 'model.safetensors', on: 'cdn', afterBytes: 100_000 });
  let ended = 0;
  const pulls = [own.pull(), own.pull()].map((pull) => pull.finally(() => (ended += 1)));
  await until(() => own.hub.faultsWaiting === 0, 'one of them downloads');
  assert.equal(ended, 0, 'both are under way');
  await Promise.all(pulls);
  assertWhole(own);
});
