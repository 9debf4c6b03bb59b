import assert from 'node:assert/strict';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { folderFor } from '../testing/folder.js';
import { until } from '../testing/until.js';
import { Lease } from './lease.js';
import { OWN_ID } from './process-id.js';

const TIMES = { renewMs: 20, lastsMs: 300 };
const ELSEWHERE = '1 other-pod/pid:[4026532001] 1-0123456789ab-cafecafe';
const never = new AbortController().signal;

/** A lock's file, as another pod has made it. */
function ofAnotherPod(context: TestContext): string {
  const file = join(folderFor(context), 'lock');
  writeFileSync(file, ELSEWHERE);
  return file;
}

test('one that another machine renews is waited for, whatever its clock says', async (context) => {
  const file = ofAnotherPod(context);
  const stop = new AbortController();
  const waitedFor: string[] = [];
  const taken = Lease.take(file, stop.signal, ({ machine }) => waitedFor.push(machine), TIMES);
  for (let seconds = 0; seconds < 20; seconds += 1) {
    // An hour behind.
    const renewed = Date.now() / 1000 - 3600 + seconds;
    utimesSync(file, renewed, renewed);
    await sleep(50);
  }
  assert.equal(readFileSync(file, 'utf8'), ELSEWHERE);
  assert.deepEqual(waitedFor, ['other-pod/pid:[4026532001]']);
  stop.abort(new Error('enough'));
  await assert.rejects(taken, /enough|aborted/);
});

for (const [when, ahead] of [
  ['an hour ago', -3600],
  ['in an hour', 3600],
] as const) {
  test(`one that nobody renews is left after a while, also where its file is of ${when}`, async (context) => {
    const file = ofAnotherPod(context);
    const made = Date.now() / 1000 + ahead;
    utimesSync(file, made, made);
    const began = performance.now();
    const lease = await Lease.take(file, never, () => undefined, TIMES);
    assert.ok(performance.now() - began >= TIMES.lastsMs);
    assert.ok(lease.isOurs);
    lease.release();
    assert.ok(!existsSync(file));
  });
}

test('who ended on this machine is not waited for', async (context) => {
  const file = join(folderFor(context), 'lock');
  // Its number is this process' now, as that of a container which was started anew.
  const before = OWN_ID.replace(/[^-]+$/, 'another');
  writeFileSync(file, `${process.pid} here ${before}`);
  const times = { renewMs: 1000, lastsMs: 60_000 };
  const lease = await Lease.take(file, never, () => assert.fail('it waits'), times);
  lease.release();
});

test('in one process each waits for the other, for as long as it takes', async (context) => {
  const file = join(folderFor(context), 'lock');
  const slow = { renewMs: 60_000, lastsMs: 50 };
  const first = await Lease.take(file, never, () => undefined, slow);
  let isTaken = false;
  const second = Lease.take(file, never, () => undefined, slow).then((lease) => {
    isTaken = true;
    return lease;
  });
  await sleep(500);
  assert.ok(!isTaken);
  first.release();
  (await second).release();
});

test('who stood still finds it lost, and leaves it to who has it', async (context) => {
  const file = join(folderFor(context), 'lock');
  const lease = await Lease.take(file, never, () => undefined, TIMES);
  writeFileSync(file, ELSEWHERE);
  await until(() => lease.lost.aborted, 'it is lost');
  assert.ok(!lease.isOurs);
  lease.release();
  assert.equal(readFileSync(file, 'utf8'), ELSEWHERE);
});
