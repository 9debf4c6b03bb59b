import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../testing/until.js';
import { LoopLag } from './loop-lag.js';

test('a loop that was blocked is late until its timers come in time again', async (context) => {
  const lag = new LoopLag();
  context.after(() => {
    lag.stop();
  });
  await sleep(60);
  const end = performance.now() + 200;
  while (performance.now() < end);
  assert.ok(lag.milliseconds > 150, 'by the timer that has not come');
  await sleep(1);
  assert.ok(lag.milliseconds > 150, 'by the timer that came late');
  await until(() => lag.milliseconds < 50, 'timers in time');
});
