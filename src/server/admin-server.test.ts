import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { exchangeRaw, parseAnswer } from '../testing/raw-socket.js';
import { startTestService } from '../testing/test-service.js';

test('probes are ready once the service is, and not while it drains', async (context) => {
  const engine = fakeEngine();
  const { adminOrigin, post, service } = await startTestService(context, engine);
  const status = async (path: string) => (await fetch(adminOrigin + path)).status;
  assert.equal(await status('/readyz'), 200);
  assert.equal(await status('/startupz'), 200);
  assert.equal(await status('/livez'), 200);

  const { asked, release } = engine.hold();
  const inFlight = post('"hello"');
  await asked();
  const stopped = service.stop(10_000);
  assert.equal(await status('/readyz'), 503);
  assert.equal(await status('/livez'), 200);
  const metrics = await (await fetch(`${adminOrigin}/metrics`)).text();
  assert.match(metrics, /^chorus_ready 0$/m);
  assert.match(metrics, /^chorus_draining 1$/m);
  release();
  assert.equal((await inFlight).status, 200);
  await stopped;
});

test('an engine that has failed for good is neither alive nor ready, whoever asks', async (context) => {
  const { adminOrigin, origin, metrics } = await startTestService(
    context,
    fakeEngine({ broken: true }),
  );
  for (const probe of [
    `${adminOrigin}/livez`,
    `${adminOrigin}/readyz`,
    `${adminOrigin}/startupz`,
    `${origin}/health`,
  ]) {
    const response = await fetch(probe);
    assert.equal(response.status, 503, probe);
    const { reason, detail } = (await response.json()) as { reason: string; detail: string };
    assert.deepEqual(
      [reason, detail],
      ['stalled', 'The engine has failed and answers nothing.'],
      probe,
    );
  }
  assert.match(await metrics(), /^chorus_ready 0$/m);
});

test('a service that is ready says so in its metrics', async (context) => {
  const { metrics } = await startTestService(context);
  assert.match(await metrics(), /^chorus_ready 1$/m);
});

test('liveness fails when work waits and nothing has ended for 30 seconds', async (context) => {
  const stalled = fakeEngine({ pendingTexts: 1, secondsSinceProgress: 31 });
  const { adminOrigin } = await startTestService(context, stalled);
  const response = await fetch(`${adminOrigin}/livez`);
  assert.equal(response.status, 503);
  assert.equal(((await response.json()) as { reason: string }).reason, 'stalled');
});

test('an idle engine is alive however long ago it worked', async (context) => {
  const idle = fakeEngine({ pendingTexts: 0, secondsSinceProgress: 3600 });
  const { adminOrigin } = await startTestService(context, idle);
  assert.equal((await fetch(`${adminOrigin}/livez`)).status, 200);
});

test('anything else on the admin port is a problem', async (context) => {
  const { adminOrigin } = await startTestService(context);
  assert.equal((await fetch(`${adminOrigin}/process`)).status, 404);
  assert.equal((await fetch(`${adminOrigin}/constructor`)).status, 404);
  const response = await fetch(`${adminOrigin}/metrics`, { method: 'POST' });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get('allow'), 'GET, HEAD');
});

test('a target in absolute form is read by its path', async (context) => {
  const { adminOrigin } = await startTestService(context);
  const request = 'GET http://h/readyz?verbose HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  const answer = parseAnswer(await exchangeRaw(Number(new URL(adminOrigin).port), request));
  assert.equal(answer.status, 200);
});

test('connections that ask nothing make room for probes', async (context) => {
  const { adminOrigin } = await startTestService(context);
  const port = Number(new URL(adminOrigin).port);
  const silent = Array.from({ length: 100 }, () => connect(port, '127.0.0.1'));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  for (const probe of ['livez', 'readyz']) {
    const headers = { connection: 'close' };
    assert.equal((await fetch(`${adminOrigin}/${probe}`, { headers })).status, 200, probe);
  }
  for (const socket of silent) socket.destroy();
});

test('of more scrapes than may wait, those beyond are 503, and probes are answered', async (context) => {
  const { adminOrigin } = await startTestService(context);
  const statusOf = async (path: string) => {
    const response = await fetch(adminOrigin + path, { headers: { connection: 'close' } });
    await response.text();
    return response.status;
  };
  const scrapes = Array.from({ length: 40 }, () => statusOf('/metrics'));
  assert.equal(await statusOf('/livez'), 200);
  const statuses = await Promise.all(scrapes);
  assert.ok(statuses.includes(200));
  assert.deepEqual(
    statuses.filter((status) => status !== 200 && status !== 503),
    [],
  );
});
