import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLogger } from '../log/logger.js';
import { Lifecycle, type Stoppable } from './lifecycle.js';
import type { StopOutcome } from './service.js';

function lifecycle(hasTerminal = false): { cycle: Lifecycle; exits: number[] } {
  const exits: number[] = [];
  const exit = (code: number) => exits.push(code);
  const cycle = new Lifecycle(1000, createLogger('silent'), exit, hasTerminal);
  return { cycle, exits };
}

function stoppable(
  outcome: Promise<StopOutcome>,
  reload: Stoppable['reload'] = refused,
): Stoppable {
  return { openRequests: 1, reload, stop: () => outcome };
}

const refused = () => Promise.reject(new Error('It cannot be loaded.'));

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

test('SIGHUP reloads, whatever comes of it, and ends nothing', async () => {
  const { cycle, exits } = lifecycle();
  let reloads = 0;
  const reload = () => {
    reloads += 1;
    return refused();
  };
  cycle.serving(stoppable(new Promise(() => undefined), reload));
  await cycle.received('SIGHUP');
  await cycle.received('SIGHUP');
  assert.deepEqual([reloads, exits], [2, []]);
});

test('SIGHUP while the models load changes nothing', async () => {
  const { cycle, exits } = lifecycle();
  await cycle.received('SIGHUP');
  assert.deepEqual(exits, []);
});

test('from a terminal, SIGHUP says that the terminal is gone, and ends the service', async () => {
  const { cycle, exits } = lifecycle(true);
  cycle.serving(stoppable(Promise.resolve({ inTime: true, unanswered: 0 })));
  await cycle.received('SIGHUP');
  assert.deepEqual(exits, [0]);
});
