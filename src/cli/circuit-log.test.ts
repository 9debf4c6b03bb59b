import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLogger } from '../log/logger.js';
import { circuitLog } from './circuit-log.js';

function played() {
  const said: string[] = [];
  const logger = createLogger('info', {
    write: (line) => said.push((JSON.parse(line) as { reason?: string; msg: string }).msg),
  });
  return { told: circuitLog(logger), said };
}

const FAILS = 'Redis fails and is left alone for now; no request fails of it';
const ANSWERS = 'Redis answers again';

test('the last word is the state that there is, though it came within a minute', (context) => {
  let now = 1000;
  context.mock.timers.enable({ apis: ['setTimeout'] });
  context.mock.method(performance, 'now', () => now);
  const pass = (ms: number) => {
    now += ms;
    context.mock.timers.tick(ms);
  };
  const { told, said } = played();
  told('open', 'timeout');
  told('closed', '');
  assert.deepEqual(said, [FAILS, ANSWERS]);
  pass(20_000);
  told('open', 'connection');
  assert.deepEqual(said, [FAILS, ANSWERS], 'not within the minute');
  pass(40_000);
  assert.deepEqual(said, [FAILS, ANSWERS, FAILS]);
  told('closed', '');
  assert.deepEqual(said, [FAILS, ANSWERS, FAILS, ANSWERS]);
});

test('what came and went within a minute is not told', (context) => {
  let now = 1000;
  context.mock.timers.enable({ apis: ['setTimeout'] });
  context.mock.method(performance, 'now', () => now);
  const { told, said } = played();
  told('open', 'timeout');
  told('closed', '');
  now += 1000;
  told('open', 'timeout');
  now += 1000;
  told('closed', '');
  now += 100_000;
  context.mock.timers.tick(100_000);
  assert.deepEqual(said, [FAILS, ANSWERS]);
});
