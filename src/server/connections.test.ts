/**
 * Clients that keep connections without using them, or do not read what they asked for.
 */

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { fakeEngine } from '../testing/fake-engine.js';
import { exchangeRaw, parseAnswer, received } from '../testing/raw-socket.js';
import { startTestService, type TestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';

const POST = 'POST /process HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"a"';
const LAST = POST.replace('Content', 'Connection: close\r\nContent');

/** A connection that has had an answer and is kept alive. */
async function keptAlive(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write(POST);
  await new Promise((resolve) => socket.once('data', resolve));
  return socket;
}

/** A client that asks for long answers until the service cannot get rid of them, and reads none. */
async function slowReader({ port, service, metrics }: TestService): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  const received = async () =>
    Number(/^chorus_requests_received_total (\d+)$/m.exec(await metrics())?.[1]);
  for (let asked = 0; service.openRequests === 0;) {
    asked += 8;
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(8));
    await until(async () => (await received()) >= asked, `${asked} requests have come`);
  }
  return socket;
}

test('at the limit the connection that is idle for longest makes room for a new one', async (context) => {
  const flags = ['--max-connections', '2'];
  const { port, metrics } = await startTestService(context, fakeEngine(), flags);
  const older = await keptAlive(port);
  const younger = await keptAlive(port);
  older.write(POST);
  await new Promise((resolve) => older.once('data', resolve));
  const closed = received(younger);
  assert.equal(parseAnswer(await exchangeRaw(port, LAST)).status, 200);
  assert.equal(await closed, '', 'the other one has been used since');
  older.end(LAST);
  assert.match(await received(older), /^HTTP\/1\.1 200 /);
  assert.match(await metrics(), /^chorus_connections_closed_total\{reason="idle"\} 1$/m);
  assert.match(await metrics(), /^chorus_connections_dropped_total 0$/m);
});

test('a connection that never asks anything makes room, too', async (context) => {
  const flags = ['--max-connections', '1'];
  const { port } = await startTestService(context, fakeEngine(), flags);
  const silent = connect(port, '127.0.0.1');
  await new Promise((resolve) => silent.once('connect', resolve));
  const closed = received(silent);
  assert.equal(parseAnswer(await exchangeRaw(port, LAST)).status, 200);
  assert.equal(await closed, '');
});

test('a connection whose first request is on its way is not closed for another until it is answered', async (context) => {
  const flags = ['--max-connections', '1'];
  const { port, metrics } = await startTestService(context, fakeEngine(), flags);
  const begun = connect(port, '127.0.0.1');
  begun.write(POST.slice(0, 20));
  // Both ends are in this process: its event loop has read them by then.
  await sleep(50);
  assert.equal(await exchangeRaw(port, LAST), '');
  assert.match(await metrics(), /^chorus_connections_dropped_total 1$/m);
  begun.write(POST.slice(20));
  await new Promise((resolve) => begun.once('data', resolve));
  const closed = received(begun);
  assert.equal(parseAnswer(await exchangeRaw(port, LAST)).status, 200);
  assert.equal(await closed, '');
});

test('a connection whose answer is being made is not closed for another', async (context) => {
  const engine = fakeEngine();
  const { asked, release } = engine.hold();
  const flags = ['--max-connections', '1'];
  const { port, metrics } = await startTestService(context, engine, flags);
  const waiting = exchangeRaw(port, LAST);
  await asked();
  assert.equal(await exchangeRaw(port, LAST), '');
  assert.match(await metrics(), /^chorus_connections_dropped_total 1$/m);
  release();
  assert.equal(parseAnswer(await waiting).status, 200);
});

test('a client that does not read its answers is closed after the write timeout', async (context) => {
  const started = await startTestService(context, fakeEngine(), ['--write-timeout', '400ms']);
  const socket = await slowReader(started);
  await until(() => started.service.openRequests === 0, 'its answers are given up');
  socket.destroy();
  assert.match(
    await started.metrics(),
    /^chorus_connections_closed_total\{reason="write_timeout"\} 1$/m,
  );
});

test('an answer that takes longer to be made than to be read is not given up', async (context) => {
  const engine = fakeEngine();
  const { asked, release } = engine.hold();
  const { port } = await startTestService(context, engine, ['--write-timeout', '50ms']);
  const answer = exchangeRaw(port, LAST);
  await asked();
  await sleep(300);
  release();
  assert.equal(parseAnswer(await answer).status, 200);
});

test('answers that nobody reads are answers when the service stops', async (context) => {
  const started = await startTestService(context);
  const socket = await slowReader(started);
  const startedAt = performance.now();
  assert.deepEqual(await started.service.stop(20_000), { inTime: true, unanswered: 0 });
  assert.ok(performance.now() - startedAt < 8000);
  socket.destroy();
});
