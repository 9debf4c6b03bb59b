/**
 * Requests sent ahead of their answers: a few are answered in order, a flood costs next to nothing.
 */

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';

import { fakeBest, fakeEngine } from '../testing/fake-engine.js';
import { exchangeRaw, parseAnswer, received } from '../testing/raw-socket.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';

function post(text: string, headers = ''): string {
  const body = JSON.stringify(text);
  return `POST /process HTTP/1.1\r\nHost: a\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** The statuses of all answers in `text`. */
function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
}

test('as many requests as may be pipelined are answered in order', async (context) => {
  const engine = fakeEngine();
  const { release, asked } = engine.hold();
  const { port } = await startTestService(context, engine);
  const texts = Array.from({ length: 16 }, (_, index) => String(index + 100));
  const requests = texts.map((text) => post(text, text === '115' ? 'Connection: close\r\n' : ''));
  const answered = exchangeRaw(port, requests.join(''));
  await asked(16);
  release();
  const answers = (await answered).match(/(?<=\r\n\r\n)\{.*?\}\}/g);
  assert.deepEqual(
    answers?.map((answer) => (JSON.parse(answer) as Record<string, unknown>).svalabs),
    texts.map((text) => fakeBest('svalabs', text)),
  );
});

test('what one read brings beyond that is one 503 after the answers, and the end', async (context) => {
  const engine = fakeEngine();
  const { release, asked } = engine.hold();
  const { port, metrics, service } = await startTestService(context, engine);
  const answered = exchangeRaw(port, post('a').repeat(1190));
  await asked(16);
  assert.equal(service.openRequests, 16);
  release();
  const text = await answered;
  assert.deepEqual(statuses(text), [...Array.from({ length: 16 }, () => 200), 503]);
  const last = parseAnswer(text.slice(text.lastIndexOf('HTTP/1.1')));
  assert.match(last.head, /^content-type: application\/problem\+json$/m);
  assert.match(last.head, /^retry-after: \d$/m);
  assert.match(last.head, /^connection: close$/m);
  assert.equal((JSON.parse(last.body) as { reason: string }).reason, 'too_many_pipelined_requests');
  assert.equal(engine.requests.length, 16);
  const counted = await metrics();
  assert.match(counted, /^chorus_requests_shed_total\{reason="too_many_pipelined_requests"\} 1$/m);
  assert.match(counted, /^chorus_requests_received_total 17$/m);
});

test('requests that come one by one wait in the kernel, and are all answered', async (context) => {
  const engine = fakeEngine();
  const { release, asked } = engine.hold();
  const { port, service } = await startTestService(context, engine);
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  const all = received(socket);
  for (let count = 1; count <= 16; count += 1) {
    socket.write(post('a'));
    await until(() => service.openRequests === count, `${count} requests are open`);
  }
  socket.write(post('b').repeat(8));
  // A turn of the loop for the bytes to come, if anybody reads them.
  await (await fetch(`http://127.0.0.1:${port}/health`)).text();
  assert.equal(service.openRequests, 16);
  await asked(16);
  release();
  await until(() => engine.requests.length === 24, 'the rest is read');
  socket.end(post('c', 'Connection: close\r\n'));
  assert.deepEqual(
    statuses(await all),
    Array.from({ length: 25 }, () => 200),
  );
});

test('a body that is still arriving is not held back', async (context) => {
  const engine = fakeEngine();
  const { release, asked } = engine.hold();
  const { port, service } = await startTestService(context, engine);
  const socket = connect(port, '127.0.0.1');
  const all = received(socket);
  const whole = post('abcdef', 'Connection: close\r\n');
  socket.write(post('a').repeat(15) + whole.slice(0, -4));
  await until(() => service.openRequests === 16, '16 requests are open');
  socket.write(whole.slice(-4));
  await asked(16);
  release();
  assert.equal(statuses(await all).length, 16);
});

test('a client that floods and leaves costs what it may pipeline, and leaves nothing open', async (context) => {
  const engine = fakeEngine();
  const { asked } = engine.hold();
  const { port, service } = await startTestService(context, engine);
  const sockets = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.write(post('a').repeat(1190));
  await asked(20 * 16);
  for (const socket of sockets) socket.resetAndDestroy();
  await until(() => service.openRequests === 0, 'no request is open');
  assert.equal(engine.requests.length, 20 * 16);
});

test('more open requests than allowed are 503 with their own reason, and the connection goes on', async (context) => {
  const engine = fakeEngine();
  const { release, asked } = engine.hold();
  const flags = ['--max-open-requests', '2'];
  const started = await startTestService(context, engine, flags);
  const held = [started.post('"a"'), started.post('"b"')];
  await asked(2);
  const socket = connect(started.port, '127.0.0.1');
  const all = received(socket);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write(post('c'));
  await until(() => text.includes('too_many_open_requests'), 'the request is refused');
  assert.match(text, /^retry-after: \d\r$/im);
  assert.match(text, /^content-type: application\/problem\+json\r$/im);
  release();
  for (const response of held) assert.equal((await response).status, 200);
  await until(() => started.service.openRequests === 0, 'both are answered');
  socket.write(post('d', 'Connection: close\r\n'));
  assert.deepEqual(statuses(await all), [503, 200]);
  assert.equal(engine.requests.length, 3);
  assert.match(
    await started.metrics(),
    /^chorus_requests_shed_total\{reason="too_many_open_requests"\} 1$/m,
  );
});

test('answers that are made at once count as others do', async (context) => {
  const { port } = await startTestService(context);
  const text = await exchangeRaw(port, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1190));
  assert.deepEqual(statuses(text), [...Array.from({ length: 16 }, () => 200), 503]);
});

test('refusals are pipelined as answers are', async (context) => {
  const engine = fakeEngine();
  const { release, asked } = engine.hold();
  const { port, post: send } = await startTestService(context, engine, [
    '--max-open-requests',
    '1',
  ]);
  const held = send('"a"');
  await asked();
  const text = await exchangeRaw(port, post('c').repeat(1190));
  assert.deepEqual(
    statuses(text),
    Array.from({ length: 17 }, () => 503),
  );
  release();
  assert.equal((await held).status, 200);
});
