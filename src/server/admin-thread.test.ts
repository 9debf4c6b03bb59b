/**
 * Probes while the event loop of the service does something else.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { startTestService } from '../testing/test-service.js';
import { createAdminServer } from './admin-server.js';

/** The status that `url` answers while this thread is blocked; nothing when it takes too long. */
function statusWhileBlocked(url: string): string {
  const script = `fetch(${JSON.stringify(url)}).then(({ status }) => console.log(status))`;
  const { stdout } = spawnSync(process.execPath, ['-e', script], { timeout: 5000 });
  return stdout.toString().trim();
}

test('probes are answered while the event loop is blocked', async (context) => {
  const { adminOrigin } = await startTestService(context);
  for (const probe of ['livez', 'readyz', 'startupz']) {
    assert.equal(statusWhileBlocked(`${adminOrigin}/${probe}`), '200', probe);
  }
});

test('the listener is bound to its own address alone', async (context) => {
  const { adminOrigin } = await startTestService(context, fakeEngine(), [
    ...['--host', '*', '--admin-host', '127.0.0.1'],
  ]);
  assert.equal((await fetch(`${adminOrigin}/livez`)).status, 200);
  const elsewhere = adminOrigin.replace('127.0.0.1', '127.0.0.2');
  await assert.rejects(fetch(`${elsewhere}/livez`), ({ cause }: Error) => {
    assert.equal((cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    return true;
  });
});

test('what a probe says is known while the event loop is blocked', async (context) => {
  const { adminOrigin, service } = await startTestService(context);
  const stopped = service.stop(2000);
  assert.equal(statusWhileBlocked(`${adminOrigin}/readyz`), '503');
  assert.equal(statusWhileBlocked(`${adminOrigin}/livez`), '200');
  await stopped;
});

test('metrics are asked for again and again', async (context) => {
  const { metrics } = await startTestService(context);
  const texts = await Promise.all(Array.from({ length: 5 }, metrics));
  for (const text of texts) assert.match(text, /^chorus_ready 1$/m);
});

test('a port of probes that is in use is told', async (context) => {
  const { adminOrigin } = await startTestService(context);
  const { port } = new URL(adminOrigin);
  await assert.rejects(
    startTestService(context, fakeEngine(), ['--admin-port', port]),
    new RegExp(`Port ${port} is in use; choose another with --admin-port\\.`),
  );
});

/** The statuses of the probes where the loop has last turned so many seconds ago. */
async function statusesAfter(context: TestContext, seconds: number): Promise<number[]> {
  const server = createAdminServer({
    ask: () => Promise.reject(new Error('not asked')),
    phase: () => 'ready',
    stats: () => ({ broken: false, pendingTexts: 0, secondsSinceProgress: 0 }),
    secondsSinceHeartbeat: () => seconds,
  });
  context.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const probes = ['livez', 'readyz'].map(async (probe) => {
    const response = await fetch(`http://127.0.0.1:${port}/${probe}`);
    await response.text();
    return response.status;
  });
  return Promise.all(probes);
}

test('an event loop that hangs for longer than the limit is neither alive nor ready', async (context) => {
  assert.deepEqual(await statusesAfter(context, 29), [200, 200]);
  assert.deepEqual(await statusesAfter(context, 31), [503, 503]);
});
