import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { LateSearch } from '../../engine/native-index.js';
import { Turns } from './turns.js';

test('so much is done at a time, in the order in which it came', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const all = Array.from({ length: 7 }, (_, at) =>
    turns.run(Infinity, async () => {
      begun.push(at);
      most = Math.max(most, (running += 1));
      await sleep(1);
      running -= 1;
      if (at === 3) throw new Error('it fails');
      return at;
    }),
  );
  const outcomes = await Promise.allSettled(all);
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6]);
  assert.equal(most, 2);
  assert.deepEqual(
    outcomes.map(({ status }) => status === 'fulfilled'),
    [true, true, true, false, true, true, true],
  );
});

test('who waits until the time is up takes no turn', async () => {
  const turns = new Turns(1);
  let end: () => void = () => undefined;
  const first = turns.run(Infinity, () => new Promise<void>((resolve) => (end = resolve)));
  await assert.rejects(
    turns.run(20, () => assert.fail('it had no turn')),
    LateSearch,
  );
  end();
  await first;
  assert.ok((await turns.run(1000, (left) => Promise.resolve(left))) <= 1000);
});
