import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { keyringOf } from '../keys/key-file.js';
import { runChorus } from '../testing/chorus-process.js';
import { folderFor } from '../testing/folder.js';

test('chorus keys makes keys that the file it writes knows', async (context) => {
  const file = join(folderFor(context), 'keys');
  const first = await runChorus(['keys', 'new', 'web', '--file', file]);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  // As editors may leave it: without an end of the last line.
  writeFileSync(file, readFileSync(file, 'utf8').trimEnd());
  const second = await runChorus(['keys', 'new', 'phone', '--file', file]);
  const keyring = keyringOf(file, readFileSync(file, 'utf8'));
  assert.deepEqual(
    [first, second].map(({ stdout }) => keyring.nameOf(stdout.trim())),
    ['web', 'phone'],
  );
  const checked = await runChorus(['keys', 'check', file]);
  assert.deepEqual([checked.code, checked.stdout], [0, 'web\nphone\n']);
});

test('chorus keys says what is wrong, and shows no key', async (context) => {
  const file = join(folderFor(context), 'keys');
  writeFileSync(file, 'hunter2\n');
  const checked = await runChorus(['keys', 'check', file]);
  assert.equal(checked.code, 2);
  assert.match(checked.stderr, /keys:1: must be NAME:sha256:HEX/);
  assert.doesNotMatch(checked.stderr, /hunter2/);
  for (const args of [['new'], ['new', 'a b'], ['new', 'a', 'b'], ['check'], []]) {
    assert.equal((await runChorus(['keys', ...args])).code, 2, args.join(' '));
  }
});

test('a service does not start with a faulty file of keys, nor with routes for keys and none', async (context) => {
  const folder = folderFor(context);
  const file = join(folder, 'keys');
  const profile = join(folder, 'some.yaml');
  writeFileSync(file, 'hunter2\n');
  const serve = (...args: readonly string[]) =>
    runChorus(['serve', ...args, '--port', '0', '--admin-port', '0']);
  const faulty = await serve('starter', '--api-keys-file', file);
  assert.equal(faulty.code, 2, faulty.stderr);
  assert.match(faulty.stderr, /^chorus: .*keys:1: must be NAME:sha256:HEX/m);
  writeFileSync(
    profile,
    'name: some\nmodels: [{ name: a }]\nroutes:\n  - { path: /a, contract: process, keys: [web] }\n',
  );
  const open = await serve(profile);
  assert.equal(open.code, 2);
  assert.match(open.stderr, /some\.yaml:4:\d+: routes\[0\]\.keys: needs --api-keys-file/);
});
