/**
 * What a real process does at signals, and what a load balancer sees of its end.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ChorusProcess } from '../testing/chorus-process.js';
import { until } from '../testing/until.js';
import { startChorus } from './running-chorus.js';

test('SIGUSR1 opens no debugger, neither while models load nor later', async () => {
  const process = new ChorusProcess(['serve', 'starter', '--port', '0', '--admin-port', '0']);
  await process.logged('loading');
  process.signal('SIGUSR1');
  await process.logged('ready');
  process.signal('SIGUSR1');
  process.signal('SIGTERM');
  const { code, stderr } = await process.finished();
  assert.equal(code, 0);
  assert.doesNotMatch(stderr, /debugger/i);
});

test('for the drain delay /readyz is 503 and new connections are answered', async () => {
  const chorus = await startChorus(['--drain-delay', '2s']);
  const readyz = () => fetch(`http://127.0.0.1:${chorus.adminPort}/readyz`);
  assert.equal((await readyz()).status, 200);
  const before = performance.now();
  chorus.process.signal('SIGTERM');
  await until(async () => (await readyz()).status === 503, '/readyz is 503');
  let answered = 0;
  while (performance.now() - before < 1500) {
    const response = await chorus.post('"on a connection of its own"');
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('connection'), 'close');
    await response.text();
    assert.equal((await readyz()).status, 503);
    answered += 1;
  }
  assert.ok(answered > 1);
  const isRefused = () =>
    chorus.post('"too late"').then(
      () => false,
      () => true,
    );
  await until(isRefused, 'the port is closed');
  assert.ok(performance.now() - before >= 2000);
  assert.equal((await chorus.process.finished()).code, 0);
});
