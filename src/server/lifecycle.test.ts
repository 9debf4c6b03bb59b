import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLogger } from '../log/logger.js';
import { Lifecycle, type Stoppable } from './lifecycle.js';
import type { StopOutcome } from './service.js';

function lifecycle(): { cycle: Lifecycle; exits: number[] } {
  const exits: number[] = [];
  const cycle = new Lifecycle(1000, createLogger('silent'), (code) => exits.push(code));
  return { cycle, exits };
}

function stoppable(outcome: Promise<StopOutcome>): Stoppable {
  return { openRequests: 1, stop: () => outcome };
}

test('a signal before the service is ready exits at once with 0', async () => {
  const { cycle, exits } = lifecycle();
  await cycle.received('SIGTERM');
  assert.deepEqual(exits, [0]);
});

test('a signal stops the service and exits with 0', async () => {
  const { cycle, exits } = lifecycle();
  cycle.serving(stoppable(Promise.resolve({ inTime: true, unanswered: 0 })));
  await cycle.received('SIGTERM');
  assert.deepEqual(exits, [0]);
});

test('a stop that took too long exits with 1', async () => {
  const { cycle, exits } = lifecycle();
  cycle.serving(stoppable(Promise.resolve({ inTime: false, unanswered: 1 })));
  await cycle.received('SIGINT');
  assert.deepEqual(exits, [1]);
});

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const) {
  test(`a second signal, ${signal}, exits at once with ${code}`, async () => {
    const { cycle, exits } = lifecycle();
    cycle.serving(stoppable(new Promise(() => undefined)));
    void cycle.received('SIGTERM');
    await cycle.received(signal);
    assert.deepEqual(exits, [code]);
  });
}

test('an error that nobody caught exits with 1', () => {
  const { cycle, exits } = lifecycle();
  cycle.crashed(new Error('x'));
  assert.deepEqual(exits, [1]);
});
