import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { received } from '../testing/raw-socket.js';
import { startTestService } from '../testing/test-service.js';

test('stopping answers what is open, ends its connection and closes the engine', async (context) => {
  const engine = fakeEngine();
  const { post, service, origin } = await startTestService(context, engine);
  const { asked, release } = engine.hold();
  const inFlight = post('"hello"');
  await asked();
  const stopped = service.stop(10_000);
  assert.equal(engine.closed, false);
  release();
  const response = await inFlight;
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('connection'), 'close');
  await response.text();
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
  assert.equal(engine.closed, true);
  await assert.rejects(fetch(origin), 'nobody listens any more');
});

test('a connection kept alive may ask once more while the service stops, and then ends', async (context) => {
  const engine = fakeEngine();
  const { post, service, port } = await startTestService(context, engine);
  const { asked, release } = engine.hold();
  const inFlight = post('"hello"');
  await asked();
  const socket = connect(port, '127.0.0.1');
  // The first half of a request keeps the connection from being idle.
  socket.write('GET /health HTTP/1.1\r\n');
  await new Promise((resolve) => socket.once('connect', resolve));
  await post('"x"', { 'content-encoding': 'gzip' });
  const stopped = service.stop(10_000);
  socket.write('Host: a\r\n\r\n');
  const text = await received(socket);
  assert.match(text, /^HTTP\/1\.1 503 .*"reason":"draining"/s);
  assert.match(text, /connection: close/i);
  release();
  assert.equal((await inFlight).status, 200);
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
});

test('a connection that is idle when the service stops may ask once more', async (context) => {
  const { service, port } = await startTestService(context);
  const request = 'POST /process HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"a"';
  const socket = connect(port, '127.0.0.1');
  socket.write(request);
  await new Promise((resolve) => socket.once('data', resolve));
  const stopped = service.stop(10_000);
  socket.write(request);
  const text = await received(socket);
  assert.match(text, /^HTTP\/1\.1 200 /);
  assert.match(text, /connection: close/i);
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
});

test('a connection that asks nothing is not waited for until the time is up', async (context) => {
  const { service, port } = await startTestService(context);
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const stopped = service.stop(400);
  assert.equal(await received(socket), '');
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
});

test('pipelined requests are all answered while the service stops', async (context) => {
  const engine = fakeEngine();
  const { service, port } = await startTestService(context, engine);
  const { asked, release } = engine.hold();
  const socket = connect(port, '127.0.0.1');
  socket.write('POST /process HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"a"'.repeat(3));
  await asked(3);
  const stopped = service.stop(10_000);
  release();
  assert.equal((await received(socket)).match(/HTTP\/1\.1 200/g)?.length, 3);
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
});

test('what is not answered in time gets 503 and the stop says so', async (context) => {
  const engine = fakeEngine();
  const { post, service } = await startTestService(context, engine);
  const { asked } = engine.hold();
  const inFlight = post('"hello"');
  await asked();
  assert.deepEqual(await service.stop(1), { inTime: false, unanswered: 1 });
  const response = await inFlight;
  assert.equal(response.status, 503);
  assert.equal(((await response.json()) as { reason: string }).reason, 'draining');
});

test('an engine that does not close in time is not waited for', async (context) => {
  const engine = fakeEngine();
  engine.close = () => new Promise(() => undefined);
  const { service } = await startTestService(context, engine);
  assert.deepEqual(await service.stop(1), { inTime: false, unanswered: 0 });
});

test('a port in use is one line that names the way out, before models are loaded', async (context) => {
  const { port } = await startTestService(context);
  const engine = fakeEngine();
  await assert.rejects(
    startTestService(context, engine, ['--port', String(port)]),
    new RegExp(`Port ${port} is in use; choose another with --port\\.`),
  );
  assert.equal(engine.closed, false, 'it was never loaded');
});
