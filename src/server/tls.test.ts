/**
 * The public listener with a certificate: what holds without one holds with it.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';

import { Clients } from '../testing/clients.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { parseAnswer, received } from '../testing/raw-socket.js';
import { startTlsService as start } from '../testing/tls-service.js';
import { until } from '../testing/until.js';
import { MAX_PIPELINED } from './pipelining.js';

const POST = 'POST /process HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"a"';
const LAST = POST.replace('Content', 'Connection: close\r\nContent');
const HEALTH = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n';

/** What comes next. */
async function next(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => {
      resolve(chunk.toString());
    });
  });
}

/** A connection whose client's bytes can be held back. */
class HeldWire extends Duplex {
  readonly #accepted: Socket;
  readonly #held: Buffer[] = [];
  #isHolding = false;

  constructor(port: number) {
    super();
    this.#accepted = connect(port, '127.0.0.1');
    this.#accepted.on('data', (chunk) => {
      this.emit('answered');
      this.push(chunk);
    });
    this.#accepted.on('close', () => this.destroy());
  }

  hold(): void {
    this.#isHolding = true;
  }

  /** In one packet. */
  release(): void {
    this.#isHolding = false;
    this.#accepted.write(Buffer.concat(this.#held));
  }

  override _read(): void {
    // Pushed to.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#isHolding) this.#held.push(chunk);
    else this.#accepted.write(chunk);
    done();
  }
}

test('requests are answered over TLS 1.2 and 1.3, and older versions are not spoken', async (context) => {
  const { exchange, open, metrics } = await start(context);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const answer = await exchange(LAST, { minVersion: version, maxVersion: version });
    assert.equal(parseAnswer(answer).status, 200, version);
  }
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
  await assert.rejects(open(old), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  const text = await metrics();
  const expiry = /^chorus_tls_certificate_expiry_timestamp_seconds (.*)$/m.exec(text)?.[1];
  const days = (Number(expiry) - Date.now() / 1000) / 86_400;
  assert.ok(days > 29 && days < 31, `${days} days`);
  assert.match(text, /^chorus_tls_handshake_errors_total\{reason="other"\} 1$/m);
});

test('plain HTTP to the port is closed, and a handshake that never ends with it', async (context) => {
  const { port, metrics, exchange } = await start(context, ['--headers-timeout', '300ms']);
  const plain = connect(port, '127.0.0.1');
  plain.write(LAST);
  assert.equal(await received(plain), '');
  const silent = connect(port, '127.0.0.1');
  const begun = connect(port, '127.0.0.1');
  // A record of a handshake that says to be longer than what comes.
  begun.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));
  assert.deepEqual(await Promise.all([received(silent), received(begun)]), ['', '']);
  assert.equal(parseAnswer(await exchange(LAST)).status, 200);
  const text = await metrics();
  assert.match(text, /^chorus_tls_handshake_errors_total\{reason="plain_http"\} 1$/m);
  assert.match(text, /^chorus_tls_handshake_errors_total\{reason="timeout"\} 2$/m);
});

test('framing that proxies might read differently is refused, and a body that is too large', async (context) => {
  const { exchange } = await start(context, ['--max-body-size', '1KiB']);
  const twoHosts = LAST.replace('Host: a', 'Host: a\r\nHost: b');
  assert.equal(parseAnswer(await exchange(twoHosts)).status, 400);
  const large = LAST.replace('Length: 3', 'Length: 2000');
  assert.equal(parseAnswer(await exchange(large)).status, 413);
  assert.equal(parseAnswer(await exchange('no HTTP\r\n\r\n')).status, 400);
});

test('too many requests ahead of their answers end the connection, in however many records they come', async (context) => {
  const engine = fakeEngine();
  const { release, asked } = engine.hold();
  const flags = ['--max-open-requests', '1'];
  const { port, authority, exchange } = await start(context, flags, { engine });
  const open = exchange(LAST);
  await asked();
  const wire = new HeldWire(port);
  const socket = await authority.connect(port, { socket: wire });
  let answers = '';
  socket.on('data', (chunk: Buffer) => (answers += chunk.toString()));
  wire.hold();
  // A record each, and each is refused at once, for another waits already.
  for (let sent = 0; sent < 4 * MAX_PIPELINED; sent += 1) {
    await new Promise((resolve) => socket.write(HEALTH, resolve));
  }
  wire.release();
  await until(() => answers.includes('too_many_pipelined_requests'), 'the connection is ended');
  const reasons = [...answers.matchAll(/"reason":"(\w+)"/g)].map(([, reason]) => reason);
  const refused = Array<string>(MAX_PIPELINED).fill('too_many_open_requests');
  assert.deepEqual(reasons, [...refused, 'too_many_pipelined_requests']);
  release();
  await open;
});

test('at the limit the connection that is idle for longest makes room', async (context) => {
  const { open, exchange, metrics } = await start(context, ['--max-connections', '2']);
  const [used, idle] = [await open(), await open()];
  used.write(POST);
  await next(used);
  const closed = received(idle);
  assert.equal(parseAnswer(await exchange(LAST)).status, 200);
  assert.equal(await closed, '');
  used.write(LAST);
  assert.equal(parseAnswer(await received(used)).status, 200);
  assert.match(await metrics(), /^chorus_connections_closed_total\{reason="idle"\} 1$/m);
});

test('handshakes count as connections, and those that do not end make room', async (context) => {
  const { port, exchange, metrics } = await start(context, ['--max-connections', '3']);
  const silent = Array.from({ length: 3 }, () => connect(port, '127.0.0.1'));
  const closed = silent.map((socket) => received(socket));
  await Promise.all(
    silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
  );
  assert.equal(parseAnswer(await exchange(LAST)).status, 200);
  await closed[0];
  assert.match(await metrics(), /^chorus_connections_closed_total\{reason="idle"\} 1$/m);
  for (const socket of silent) socket.destroy();
});

test('a connection that was in its handshake when room was looked for makes room once it is idle', async (context) => {
  const { port, authority, exchange } = await start(context, ['--max-connections', '1']);
  const wire = new HeldWire(port);
  // Its hello has been read then, and the rest of the handshake is missing.
  const isAnswered = new Promise<void>((resolve) => {
    wire.once('answered', () => {
      wire.hold();
      resolve();
    });
  });
  const opening = authority.connect(port, { socket: wire });
  await isAnswered;
  await assert.rejects(exchange(LAST));
  wire.release();
  const idle = await opening;
  const closed = received(idle);
  await until(async () => {
    const answer = await exchange(LAST).catch(() => '');
    return answer !== '' && parseAnswer(answer).status === 200;
  }, 'it has made room');
  assert.equal(await closed, '');
});

test('a client that does not read its answers is closed after the write timeout', async (context) => {
  const { open, metrics, service } = await start(context, ['--write-timeout', '400ms']);
  const socket = await open();
  socket.pause().on('error', () => socket.destroy());
  const came = async () =>
    Number(/^chorus_requests_received_total (\d+)$/m.exec(await metrics())?.[1]);
  for (let asked = 0; service.openRequests === 0;) {
    asked += 8;
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(8));
    await until(async () => (await came()) >= asked, `${asked} requests have come`);
  }
  await until(() => service.openRequests === 0, 'its answers are given up');
  assert.match(await metrics(), /^chorus_connections_closed_total\{reason="write_timeout"\} 1$/m);
});

test('a stop answers what is open and what is on its way, and ends each connection with it', async (context) => {
  const engine = fakeEngine();
  const { open, service } = await start(context, [], { engine });
  const { release, asked } = engine.hold();
  const [waiting, kept, late] = [await open(), await open(), await open()];
  kept.write(HEALTH);
  await next(kept);
  waiting.write(POST);
  await asked();
  const stopped = service.stop(10_000);
  const answers = [waiting, kept, late].map((socket) => received(socket));
  for (const socket of [kept, late]) socket.write(POST);
  await until(() => service.openRequests === 3, 'all three are open');
  release();
  for (const answer of await Promise.all(answers)) {
    assert.equal(parseAnswer(answer).status, 200);
    assert.match(answer, /^connection: close/im);
  }
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
});

test('with a delay, clients that connect for each request lose nothing when it stops', async (context) => {
  const { port, service, authority } = await start(context, ['--drain-delay', '3s']);
  const clients = await Clients.start(port, 8, { ca: readFileSync(authority.file, 'utf8') });
  const answered = (count: number) =>
    until(() => clients.answered >= count, `${count} requests are answered`);
  await answered(40);
  const stopped = service.stop(10_000);
  await answered(clients.answered + 20);
  assert.deepEqual((await clients.stop()).lost, []);
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
});

test('a client that goes away takes its request back', async (context) => {
  const engine = fakeEngine();
  const { open, service } = await start(context, [], { engine });
  const { asked } = engine.hold();
  const socket = await open();
  socket.write(POST);
  await asked();
  socket.destroy();
  await until(() => service.openRequests === 0, 'its request has ended');
});
