/**
 * Requests that no client library would send, byte by byte: exactly one answer each, or none.
 */

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { exchangeRaw, parseAnswer, received } from '../testing/raw-socket.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';

const GOOD = 'POST /process HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"a"';

function post(headers: string, body = ''): string {
  return `POST /process HTTP/1.1\r\nHost: a\r\n${headers}\r\n${body}`;
}

for (const [what, bytes, status] of [
  ['length and chunks at once', post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'), 400],
  ['two lengths', post('Content-Length: 3\r\nContent-Length: 4\r\n'), 400],
  ['a signed length', post('Content-Length: +2\r\n'), 400],
  ['a hexadecimal length', post('Content-Length: 0x2\r\n'), 400],
  ['an unknown transfer encoding', post('Transfer-Encoding: xchunked\r\n'), 400],
  ['chunked, identity', post('Transfer-Encoding: chunked, identity\r\n'), 400],
  ['identity, chunked', post('Transfer-Encoding: identity, chunked\r\n', '0\r\n\r\n'), 400],
  ['two hosts', post('Host: b\r\nContent-Length: 3\r\n', '"a"'), 400],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['a folded header', post('X: a\r\n b\r\n'), 400],
  ['a space before the colon', post('X : a\r\n'), 400],
  ['a NUL in a header', post('X: a\0b\r\n'), 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['a header above 8 KiB', post(`X: ${'a'.repeat(9000)}\r\n`), 431],
  ['a bad chunk size', post('Transfer-Encoding: chunked\r\n', 'zz\r\n"a"\r\n0\r\n\r\n'), 400],
  ['an unknown method', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['an expectation nobody meets', post('Expect: magic\r\nConnection: close\r\n'), 417],
  ['a length above the limit', post('Content-Length: 99999999\r\n'), 413],
  [
    'a length above the limit that asks before sending',
    post('Content-Length: 99999999\r\nExpect: 100-continue\r\n'),
    413,
  ],
  ['TRACE', 'TRACE /process HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 405],
] as const) {
  test(`${what}: ${status} as a problem, and the connection closes`, async (context) => {
    const engine = fakeEngine();
    const { port, post: send } = await startTestService(context, engine);
    const text = await exchangeRaw(port, bytes);
    const answer = parseAnswer(text);
    assert.equal(answer.status, status, text);
    assert.match(answer.head, /content-type: application\/problem\+json/i);
    assert.match(answer.head, /x-request-id: /i);
    assert.match(answer.head, /connection: close/i);
    assert.equal((JSON.parse(answer.body) as { status: number }).status, status);
    assert.equal(text.match(/HTTP\/1\.1 \d/g)?.length, 1, 'one answer');
    assert.deepEqual(engine.seen, []);
    assert.equal((await send('"next"')).status, 200, 'the next client is served');
  });
}

test('CONNECT is closed without an answer', async (context) => {
  const { port } = await startTestService(context);
  assert.equal(await exchangeRaw(port, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'), '');
});

test('an upgrade is ignored and the request answered', async (context) => {
  const { port } = await startTestService(context);
  const headers = 'Upgrade: h2c\r\nConnection: upgrade, close\r\nContent-Length: 3\r\n';
  const { status } = parseAnswer(await exchangeRaw(port, post(headers, '"a"')));
  assert.equal(status, 200);
});

test('a client that asks before sending is told to go on', async (context) => {
  const { port } = await startTestService(context);
  const headers = 'Content-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n';
  const text = await exchangeRaw(port, post(headers, '"a"'));
  assert.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
});

test('a good request in front of garbage is answered first', async (context) => {
  const { port, metrics } = await startTestService(context);
  const text = await exchangeRaw(port, `${GOOD}garbage\r\n\r\n`);
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400']);
  assert.match(await metrics(), /^chorus_http_parse_errors_total\{code="HPE_\w+"\} 1$/m);
});

test('garbage in several packets gets one answer', async (context) => {
  const engine = fakeEngine();
  const { port, metrics } = await startTestService(context, engine);
  const { release } = engine.hold();
  const socket = connect(port, '127.0.0.1');
  const all = received(socket);
  for (const count of [1, 2]) {
    socket.write(count === 1 ? `${GOOD}garbage\r\n` : 'garbage\r\n');
    const faults = new RegExp(`^chorus_http_parse_errors_total\\{.*\\} ${count}$`, 'm');
    await until(async () => faults.test(await metrics()), `${count} parse errors are counted`);
  }
  release();
  assert.deepEqual((await all).match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400']);
});

test('a client that leaves pipelined requests behind leaves nothing open', async (context) => {
  const engine = fakeEngine();
  const { asked } = engine.hold();
  const { port, service } = await startTestService(context, engine);
  const socket = connect(port, '127.0.0.1');
  socket.write(GOOD.repeat(3));
  await asked(3);
  assert.equal(service.openRequests, 3);
  socket.destroy();
  await until(() => service.openRequests === 0, 'no request is open');
});

test('a body shorter than stated is not inferred and counts as cancelled', async (context) => {
  const engine = fakeEngine();
  const { port, metrics } = await startTestService(context, engine);
  const socket = connect(port, '127.0.0.1');
  socket.end(post('Content-Length: 30\r\n', '"a'));
  assert.equal(await received(socket), '');
  assert.match(await metrics(), /^chorus_requests_cancelled_total\{stage="body"\} 1$/m);
  assert.deepEqual(engine.seen, []);
});

test('a header that arrives too slowly is 408', async (context) => {
  const flags = ['--headers-timeout', '1ms', '--request-timeout', '1ms'];
  const { port, metrics } = await startTestService(context, fakeEngine(), flags);
  const { status } = parseAnswer(await exchangeRaw(port, 'POST /process HTTP/1.1\r\nHost: a\r\n'));
  assert.equal(status, 408);
  assert.match(await metrics(), /parse_errors_total\{code="ERR_HTTP_REQUEST_TIMEOUT"\} 1/);
});

test('a body that arrives too slowly is 408', async (context) => {
  const flags = ['--headers-timeout', '1ms', '--request-timeout', '1ms'];
  const { port } = await startTestService(context, fakeEngine(), flags);
  const { status } = parseAnswer(await exchangeRaw(port, post('Content-Length: 30\r\n', '"a')));
  assert.equal(status, 408);
});

for (const [what, field, status] of [
  ['a second host', 'Host: b', 400],
  ['a compression', 'Content-Encoding: gzip', 415],
  ['another charset', 'Content-Type: text/plain;charset=utf-16', 415],
  ['an expectation nobody meets', 'Expect: magic', 417],
] as const) {
  test(`${what} beyond the thousandth field: ${status}`, async (context) => {
    const { port } = await startTestService(context);
    const fields = `Content-Length: 3\r\n${'a:\r\n'.repeat(1999)}${field}\r\n`;
    const text = await exchangeRaw(port, post(`${fields}Connection: close\r\n`, '"a"'));
    assert.equal(parseAnswer(text).status, status);
  });
}

test('a length beyond the thousandth field is the length', async (context) => {
  const { port } = await startTestService(context);
  const fields = `${'a:\r\n'.repeat(1900)}Content-Length: 3\r\nConnection: close\r\n`;
  assert.equal(parseAnswer(await exchangeRaw(port, post(fields, '"a"'))).status, 200);
});

test('a header named __proto__ is just a header', async (context) => {
  const { port } = await startTestService(context);
  const headers = '__proto__: x\r\nContent-Length: 3\r\nConnection: close\r\n';
  assert.equal(parseAnswer(await exchangeRaw(port, post(headers, '"a"'))).status, 200);
});

test('answers to HTTP/1.0 have a length, on either port, so that one that was cut is seen', async (context) => {
  const { port, adminOrigin } = await startTestService(context);
  const old = (head: string, body = '') => `${head} HTTP/1.0\r\nHost: a\r\n${body}`;
  for (const [at, bytes, status] of [
    [port, old('POST /process', 'Content-Length: 3\r\n\r\n"a"'), 200],
    [port, old('GET /health', '\r\n'), 200],
    [port, old('GET /openapi.json', '\r\n'), 200],
    [port, old('GET /nowhere', '\r\n'), 404],
    [Number(new URL(adminOrigin).port), old('GET /metrics', '\r\n'), 200],
    [Number(new URL(adminOrigin).port), old('GET /nowhere', '\r\n'), 404],
  ] as const) {
    const answer = parseAnswer(await exchangeRaw(at, bytes));
    assert.equal(answer.status, status, bytes);
    const [, length] = /^content-length: (\d+)\r?$/im.exec(answer.head) ?? assert.fail(answer.head);
    assert.equal(Number(length), Buffer.byteLength(answer.body), bytes);
    assert.match(answer.head, /^connection: close\r?$/im);
  }
});
