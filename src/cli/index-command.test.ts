import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { folderFor } from '../testing/folder.js';
import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { until } from '../testing/until.js';

const STARTER = fileURLToPath(new URL('../../models/retrieval-starter', import.meta.url));
const CORPUS = join(STARTER, 'corpus.jsonl');

test('who waits for a store is told for which nodes, why, and by which setting', async (context) => {
  // A node that stands still takes connections.
  const still = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(still, 'listening');
  context.after(() => still.close());
  const { port } = still.address() as AddressInfo;
  const urls = `http://127.0.0.1:${port},http://127.0.0.1:1`;
  const process = new ChorusProcess(['index', 'list', '--index-store', urls, '--wait', '4s']);
  context.after(() => {
    process.signal('SIGKILL');
  });
  await until(() => process.told !== '', 'it is told');
  assert.match(process.told, /^waiting up to 4 s \(--wait\) for nodes of the store: http:\S+: /);
  const { code, stderr } = await process.finished();
  assert.equal(code, 1);
  const last = stderr.trimEnd().split('\n').at(-1) ?? '';
  assert.match(last, /^chorus: no node of the store has answered as it should: /);
  assert.match(last, /http:\/\/127\.0\.0\.1:1: Node's fetch refuses this port/);
  assert.match(last, new RegExp(`http://127\\.0\\.0\\.1:${port}: no answer within 1000 ms`));
});

test('a wait that is no duration is refused', async () => {
  const args = ['index', 'list', '--index-store', 'http://127.0.0.1:1', '--wait', '5'];
  const { code, stderr } = await runChorus(args);
  assert.equal(code, 2);
  assert.match(stderr, /--wait is "5"; it must be a duration with its unit/);
});

test('a disk that is full while an index is built is told, and nothing else is to blame', async (context) => {
  const folder = folderFor(context);
  const build = ['index', 'build', CORPUS, '--generation', 'one', '--index-dir', folder];
  for (const fileBytes of [0, 10_000, 100_000]) {
    const { code, stderr } = await runChorus(build, {}, { fileBytes });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^chorus: .*(EFBIG: |vectors\.f32: ).*too large.*\. What was made is kept in \S+; the same command goes on\.$/m,
    );
    assert.doesNotMatch(stderr, /encoder/);
  }
  const { code, stdout } = await runChorus(build);
  assert.equal(code, 0);
  assert.match(stdout, /^one: 411 rows/m);
});

test('a generation that is damaged is refused by a line that names the file', async (context) => {
  const folder = folderFor(context);
  cpSync(join(STARTER, 'index'), folder, { recursive: true });
  const file = join(folder, 'generations', 'starter', 'vectors.i8');
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(1, 5000, 5001));
  for (const action of ['publish', 'verify']) {
    const { code, stderr } = await runChorus(['index', action, 'starter', '--index-dir', folder]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^chorus: \S+vectors\.i8: its sha256 is \w+, and the manifest says \w+\n$/,
    );
  }
});
