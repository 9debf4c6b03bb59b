/**
 * Bodies: how much memory they may take in all, and who is told to send one.
 */

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { exchangeRaw, parseAnswer, received } from '../testing/raw-socket.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';

const FLAGS = ['--max-body-size', '1000', '--max-body-memory', '1500'];

function post(headers: string, body = ''): string {
  return `POST /process HTTP/1.1\r\nHost: a\r\n${headers}\r\n${body}`;
}

function send(port: number, bytes: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  socket.write(bytes);
  return socket;
}

test('a body for which there is no memory is 503 at its header, until another request ends', async (context) => {
  const { port, metrics, service } = await startTestService(context, fakeEngine(), FLAGS);
  const unfinished = send(port, post('Content-Length: 1000\r\n', '"'));
  await until(() => service.openRequests === 1, 'the first body is being read');
  const text = await exchangeRaw(port, post('Content-Length: 501\r\n'));
  const { status, head, body } = parseAnswer(text);
  assert.equal(status, 503);
  assert.match(head, /^retry-after: \d$/m);
  assert.equal((JSON.parse(body) as { reason: string }).reason, 'body_memory_full');
  assert.match(await metrics(), /^chorus_requests_shed_total\{reason="body_memory_full"\} 1$/m);
  const small = post('Connection: close\r\nContent-Length: 3\r\n', '"a"');
  assert.equal(parseAnswer(await exchangeRaw(port, small)).status, 200);
  unfinished.destroy();
  await until(() => service.openRequests === 0, 'the first request has ended');
  const large = post('Connection: close\r\nContent-Length: 900\r\n', `"${'a'.repeat(898)}"`);
  assert.equal(parseAnswer(await exchangeRaw(port, large)).status, 200);
});

test('a body in chunks takes memory as it comes', async (context) => {
  const { port, service, post: ask } = await startTestService(context, fakeEngine(), FLAGS);
  const chunk = (length: number) => `${length.toString(16)}\r\n${'a'.repeat(length)}\r\n`;
  const first = send(port, post('Transfer-Encoding: chunked\r\n', chunk(800)));
  const second = send(port, post('Transfer-Encoding: chunked\r\n', chunk(600)));
  await until(() => service.openRequests === 2, 'both bodies are being read');
  const answer = received(second);
  second.write(chunk(200));
  assert.equal(parseAnswer(await answer).status, 503);
  first.destroy();
  await until(() => service.openRequests === 0, 'no request is open');
  assert.equal((await ask(`"${'b'.repeat(900)}"`)).status, 200);
});

test('memory comes back with the answer', async (context) => {
  const { post: ask } = await startTestService(context, fakeEngine(), FLAGS);
  for (let count = 0; count < 5; count += 1) {
    assert.equal((await ask(`"${'a'.repeat(900)}"`)).status, 200);
  }
});

for (const [what, start, headers, status] of [
  ['a path that nobody serves', 'POST /nowhere', '', 404],
  ['a method that the path does not take', 'PUT /process', '', 405],
  ['a body in another charset', 'POST /process', 'Content-Type: a/b;charset=utf-16\r\n', 415],
  ['a compressed body', 'POST /process', 'Content-Encoding: gzip\r\n', 415],
  ['a path that takes no body', 'GET /health', '', 200],
] as const) {
  test(`nobody is told to go on with ${what}`, async (context) => {
    const { port } = await startTestService(context);
    const expect = 'Expect: 100-continue\r\nContent-Length: 3\r\n';
    const text = await exchangeRaw(port, `${start} HTTP/1.1\r\nHost: a\r\n${headers}${expect}\r\n`);
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), [`HTTP/1.1 ${status}`]);
    assert.match(text, /^connection: close\r$/im);
  });
}

test('a request without need of its body, which never comes, gets one answer', async (context) => {
  const flags = ['--headers-timeout', '100ms', '--request-timeout', '100ms'];
  const { port } = await startTestService(context, fakeEngine(), flags);
  const text = await exchangeRaw(
    port,
    'GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n',
  );
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200']);
});

test('a body that turns out to be malformed after the answer gets no second one', async (context) => {
  const { port } = await startTestService(context);
  const socket = connect(port, '127.0.0.1');
  const all = received(socket);
  socket.write('GET /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  await new Promise((resolve) => socket.once('data', resolve));
  socket.write('zz\r\n');
  assert.deepEqual((await all).match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200']);
});
