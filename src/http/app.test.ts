import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';

test('the index lists the routes and what they answer with', async (context) => {
  const { origin } = await startTestService(context);
  assert.deepEqual(await (await fetch(origin)).json(), {
    profile: 'test',
    routes: [
      {
        method: 'POST',
        path: '/process',
        contract: 'process',
        models: ['cardiffnlp', 'ivanlau', 'svalabs'],
      },
    ],
  });
});

test('health names the profile and its models', async (context) => {
  const { origin } = await startTestService(context);
  const response = await fetch(`${origin}/health`);
  assert.equal(response.status, 200);
  const models = ['cardiffnlp', 'ivanlau', 'svalabs'];
  assert.deepEqual(await response.json(), { status: 'healthy', profile: 'test', models });
});

test('a path that nobody serves is 404, however it is spelled', async (context) => {
  const { origin, metrics } = await startTestService(context);
  for (const path of ['/canary', '/%2e%2e/etc/passwd', '//process', '/PROCESS', '/process/x']) {
    const response = await fetch(origin + path, { method: 'POST', body: '"a"' });
    assert.equal(response.status, 404, path);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
  }
  assert.doesNotMatch(await metrics(), /canary|passwd/);
});

test('a method that a path does not take is 405 with what it takes', async (context) => {
  const { origin } = await startTestService(context);
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD']) {
    const response = await fetch(`${origin}/process`, { method });
    assert.equal(response.status, 405, method);
    assert.equal(response.headers.get('allow'), 'POST');
  }
  const response = await fetch(`${origin}/health`, { method: 'POST', body: '' });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get('allow'), 'HEAD, GET');
  assert.equal((await fetch(`${origin}/health`, { method: 'HEAD' })).status, 200);
});

test('every answer carries a request id, and a sane one of the caller is kept', async (context) => {
  const { origin, post } = await startTestService(context);
  for (const response of [await fetch(origin), await fetch(`${origin}/x`), await post('"a"')]) {
    assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  }
  const response = await post('bad', { 'x-request-id': 'order-7' });
  assert.equal(response.headers.get('x-request-id'), 'order-7');
  assert.match(await response.text(), /urn:chorus:request:order-7/);
});

test('a client that goes away frees its place in the queue and is counted', async (context) => {
  const engine = fakeEngine();
  const { asked } = engine.hold();
  const { port, metrics } = await startTestService(context, engine);
  const socket = connect(port, '127.0.0.1');
  socket.write('POST /process HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"a"');
  await asked();
  socket.destroy();
  const counted = /^chorus_requests_cancelled_total\{stage="inference"\} 1$/m;
  await until(async () => counted.test(await metrics()), 'the client that left is counted');
  assert.deepEqual(
    engine.cancelled.map(({ code }) => code),
    ['cancelled'],
  );
});

test('an unexpected error is 500, tells nothing and is logged', async (context) => {
  const engine = fakeEngine();
  engine.fail(new TypeError('inner secret'));
  const { post, log } = await startTestService(context, engine);
  const response = await post('"hello"');
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /secret/);
  assert.match(log(), /"reason":"internal".*inner secret/);
});

test('no text, body or header of a client gets into the log', async (context) => {
  const engine = fakeEngine();
  const { post, log } = await startTestService(context, engine);
  const headers = { authorization: 'canary-header' };
  await post('"canary-text"', headers);
  await post('canary-body', headers);
  await post('{"canary-key":"canary-value"}', headers);
  engine.fail(new Error('boom'));
  await post('"canary-failed"', headers);
  assert.match(log(), /"status":200/);
  assert.match(log(), /boom/);
  assert.doesNotMatch(log(), /canary/);
});
