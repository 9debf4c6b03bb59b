import assert from 'node:assert/strict';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { OWN_ID } from '../files/process-id.js';
import { assertWhole, pullWorld, REPO, WEIGHTS } from '../testing/pull-world.js';
import { folderFor } from '../testing/folder.js';
import { partialBytes, partialOf, takeOver } from './partial.js';

const ELSEWHERE = '1-0123456789ab-cafecafe';
const ENDED = OWN_ID.replace(/[^-]+$/, 'another');

test('the largest that was left is gone on with, and the others go', async (context) => {
  const blob = join(folderFor(context), 'etag');
  writeFileSync(`${blob}.${ELSEWHERE}.incomplete`, '1234');
  writeFileSync(`${blob}.${ENDED}.incomplete`, '123456');
  writeFileSync(partialOf(blob), '12');
  assert.equal(await partialBytes(blob), 6);
  assert.equal(await takeOver(blob), true);
  assert.deepEqual(readdirSync(join(blob, '..')), [`etag.${OWN_ID}.incomplete`]);
  assert.equal(readFileSync(partialOf(blob), 'utf8'), '123456');
});

test('who may still write to it writes into nothing', async (context) => {
  const blob = join(folderFor(context), 'etag');
  const theirs = openSync(`${blob}.${ELSEWHERE}.incomplete`, 'a');
  writeSync(theirs, '1234');
  await takeOver(blob);
  writeSync(theirs, 'late');
  closeSync(theirs);
  assert.equal(readFileSync(partialOf(blob), 'utf8'), '1234');
});

test("other contents, and huggingface_hub's own, are left alone", async (context) => {
  const blob = join(folderFor(context), 'etag');
  const others = ['etag.incomplete', `etag2.${ELSEWHERE}.incomplete`];
  for (const name of others) writeFileSync(join(blob, '..', name), 'x');
  assert.equal(await takeOver(blob), false);
  assert.deepEqual(readdirSync(join(blob, '..')).sort(), others.sort());
});

for (const [what, contents] of [
  ['wrong', Buffer.alloc(WEIGHTS.length / 2)],
  ['too long', Buffer.alloc(WEIGHTS.length * 2)],
] as const) {
  test(`what another process left and is ${what} is not laid to the hub`, async (context) => {
    const own = await pullWorld(context);
    await own.pull();
    const blob = realpathSync(own.cache.file(REPO, own.commit, 'model.safetensors'));
    rmSync(own.cache.snapshot(REPO, own.commit), { recursive: true });
    rmSync(blob);
    writeFileSync(`${blob}.${ELSEWHERE}.incomplete`, contents);
    await own.pull();
    assertWhole(own);
  });
}
