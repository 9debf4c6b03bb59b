import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';

import { ServiceError } from '../errors/service-error.js';
import type { Endpoint } from '../routes/endpoints.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { received } from '../testing/raw-socket.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';
import { earlyRefusal } from './early-refusal.js';

/** A header whose body does not come. */
const HEAD = 'POST /process HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n';

/** A service with so many requests open, whose engine would refuse another. */
async function busy(context: TestContext, open: number, flags: readonly string[]) {
  const engine = fakeEngine();
  const service = await startTestService(context, engine, flags);
  const { release, asked } = engine.hold();
  const answers = Array.from({ length: open }, () => service.post('"a"'));
  if (open > 0) await asked(open);
  engine.refusal = () => new ServiceError('queue_wait', 'Too long.');
  context.after(async () => {
    release();
    await Promise.all(answers);
  });
  return service;
}

/** What comes back to a header within a moment. */
async function early(port: number, head = HEAD): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(head);
  setTimeout(() => socket.destroy(), 300);
  return received(socket);
}

/** Nothing comes back to a header. On a machine whose event loop is late everybody is told; another try comes in time. */
async function isReadFirst(port: number): Promise<void> {
  await until(async () => !(await early(port)).includes('queue_wait'), 'the body is waited for');
}

test('once many are open, who would wait too long is told so before the body comes', async (context) => {
  const { port, metrics } = await busy(context, 40, ['--cache-size', '0']);
  assert.match(await early(port), /^HTTP\/1\.1 503 [\s\S]*"reason":"queue_wait"/);
  assert.match(await metrics(), /^chorus_requests_shed_total\{reason="queue_wait"\} 1$/m);
});

test('while few are open, the body is read first', async (context) => {
  const { port } = await busy(context, 0, ['--cache-size', '0']);
  await isReadFirst(port);
});

test('where answers are kept, one may be there, and the body is read', async (context) => {
  const { port } = await busy(context, 40, []);
  await isReadFirst(port);
});

test('a large body is not read where the request would be refused, whatever is open or kept', async (context) => {
  const { port, post } = await busy(context, 0, []);
  const head = 'POST /process HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n';
  assert.match(await early(port, head), /^HTTP\/1\.1 503 [\s\S]*"reason":"queue_wait"/);
  assert.equal((await post(JSON.stringify('a'.repeat(100_000)))).status, 503);
});

test('a route is known by its path, with a parameter or without', () => {
  const engine = fakeEngine();
  engine.refusal = () => new ServiceError('queue_wait', 'Too long.');
  const endpoint = (path: string, asksModels = true) =>
    ({ path, operation: { method: 'POST', asksModels }, route: {} }) as Endpoint;
  const endpoints = [endpoint('/process'), endpoint('/v2.0/{model}/infer'), endpoint('/x', false)];
  const parts = { endpoints, engine, answerTimeoutMs: 0, keepsAnswers: false };
  const refusal = earlyRefusal({ ...parts, lagMs: () => 0 });
  const codeOf = (url: string, method = 'POST') => refusal({ url, method, headers: {} }, 100)?.code;
  for (const url of ['/process', '/process?a=b', 'http://a/process', '/v2.0/m-1/infer']) {
    assert.equal(codeOf(url), 'queue_wait', url);
  }
  for (const url of ['/x', '/', '/processes', '/v2.0/a/b/infer', '/v2.0//infer', '/v200/m/infer']) {
    assert.equal(codeOf(url), undefined, url);
  }
  assert.equal(codeOf('/process', 'GET'), undefined);
});

test('in time, while few are open or answers are kept, nobody is told at the header', () => {
  const engine = fakeEngine();
  engine.refusal = () => new ServiceError('queue_wait', 'Too long.');
  const endpoint = { path: '/process', operation: { method: 'POST', asksModels: true }, route: {} };
  const parts = { endpoints: [endpoint as Endpoint], engine, answerTimeoutMs: 0, lagMs: () => 0 };
  const head = { url: '/process', method: 'POST', headers: {} };
  const codeOf = (keepsAnswers: boolean, open: number) =>
    earlyRefusal({ ...parts, keepsAnswers })(head, open)?.code;
  assert.equal(codeOf(false, 0), undefined);
  assert.equal(codeOf(true, 100), undefined);
  assert.equal(codeOf(false, 100), 'queue_wait');
});

test('what a late event loop has kept waiting says so, kept answers or none', () => {
  const engine = fakeEngine();
  const asked: number[] = [];
  engine.refusal = (_hurry, waitedMs) => {
    asked.push(waitedMs);
    return undefined;
  };
  const endpoint = { path: '/process', operation: { method: 'POST', asksModels: true }, route: {} };
  const endpoints = [endpoint as Endpoint];
  let lag = 40;
  const parts = { endpoints, engine, answerTimeoutMs: 0, keepsAnswers: true, lagMs: () => lag };
  const refusal = earlyRefusal(parts);
  const head = { url: '/process', method: 'POST', headers: {} };
  refusal(head, 100);
  lag = 700;
  refusal(head, 1);
  assert.deepEqual(asked, [700]);
});
