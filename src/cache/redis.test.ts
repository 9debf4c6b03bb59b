/**
 * The cache over a real Redis that is down, stopped, slow, full, read-only, closed to us or emptied: every request is
 * answered, and rightly.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { ServiceError } from '../errors/service-error.js';
import { asksMuch, cacheClient, hitsAgain, MODELS, TIMEOUT_MS } from '../testing/cache-client.js';
import { freePort } from '../testing/free-port.js';
import { RedisServer } from '../testing/redis-server.js';
import { slowed } from '../testing/tcp-faults.js';
import { until } from '../testing/until.js';
import { keysOf } from './packed.js';

test('what one process has answered another has, without asking its models', async (context) => {
  const server = await RedisServer.start(context);
  const one = cacheClient(context, server.url);
  await one.connected('a text that two ask for');
  const other = cacheClient(context, server.url);
  await other.connected('a text that two ask for');
  assert.ok(other.engine.requests.length === 0 || other.redis().errors.connection > 0);
  assert.deepEqual(other.figures().lookups.memory, undefined);
  const outcome = await other.ask('a text that two ask for', 'another');
  assert.equal(outcome, 'partial');
});

test('what came from Redis stays in memory', async (context) => {
  const server = await RedisServer.start(context);
  await cacheClient(context, server.url).connected('a');
  const other = cacheClient(context, server.url, { memory: true });
  await other.connected('a');
  await server.kill();
  assert.equal(await other.ask('a'), 'hit');
  assert.ok((other.figures().lookups.memory?.hit ?? 0) >= MODELS.length);
});

test('what another request was given while Redis was asked is not computed again', async (context) => {
  const server = await RedisServer.start(context);
  const slow = await slowed(context, server.port);
  const url = `redis://127.0.0.1:${slow.port}`;
  const own = cacheClient(context, url, { memory: true, timeoutMs: 60_000 });
  await own.connected();
  slow.delayMs = 100;
  const asked = own.engine.requests.length;
  const late = own.askWithin(60_000, 'b', 'a');
  await own.cached.infer({
    texts: ['a', 'b'].map((text) => ({ text, models: MODELS })),
    deadlineMs: 0,
    priority: 'interactive',
    fresh: true,
  }).answer;
  assert.equal(await late, 'hit');
  assert.equal(own.engine.requests.length, asked + 1);
});

test('no text, label or number that can be read lies in Redis, and everything leaves it in time', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url, { ttlMs: 100_000 });
  await own.connected('a text that is nobody’s business');
  const keys = await server.keys();
  assert.equal(keys.length, MODELS.length);
  const ttls = new Set<number>();
  for (const key of keys) {
    assert.match(key, /^chorus:own:[\w-]{43}$/);
    const ttl = (await server.command('PTTL', key)) as number;
    assert.ok(ttl > 80_000 && ttl <= 110_000, `${ttl}`);
    ttls.add(ttl);
    const value = String(await server.command('GET', key));
    for (const word of ['business', 'HAM', 'German', '0.']) assert.ok(!value.includes(word));
  }
  assert.equal(ttls.size, keys.length);
});

test('Redis that is not there fails no request, and is used once it is there', async (context) => {
  const server = await RedisServer.start(context);
  await server.kill();
  const own = cacheClient(context, server.url);
  await asksMuch(own);
  assert.ok(own.redis().errors.connection > 0);
  await server.start();
  await hitsAgain(own);
});

test('Redis that is killed fails no request, and is used again once it is back', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url);
  await own.connected();
  const asking = Promise.all(Array.from({ length: 50 }, (_, at) => own.ask(`during ${at}`)));
  await server.kill();
  await asking;
  await asksMuch(own);
  await server.start();
  await hitsAgain(own);
});

test('Redis that is back is known to be, though nobody asks for anything new', async (context) => {
  const server = await RedisServer.start(context);
  const told: string[] = [];
  const onCircuit = (state: string, reason: string) => told.push(`${state}: ${reason}`);
  const own = cacheClient(context, server.url, { onCircuit });
  await own.connected();
  await server.kill();
  await asksMuch(own);
  await server.start();
  await until(() => own.redis().circuit === 'closed', 'a try of its own');
  assert.match(told.join(), /^open: .*(ECONNREFUSED|closed|offline|reset).*,closed: $/i);
});

test('who has less time than Redis has half of it left for the models, and opens no circuit', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url, { timeoutMs: 60_000 });
  await own.connected();
  const before = own.redis().errors.timeout;
  server.signal('SIGSTOP');
  for (let at = 0; at < 10; at += 1) assert.equal(await own.askWithin(100, `${at}`), 'miss');
  assert.equal(own.redis().circuit, 'closed');
  assert.equal(own.redis().errors.timeout, before + 10);
});

test('Redis that stands still holds nobody up, and is used again once it goes on', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url);
  await own.connected();
  server.signal('SIGSTOP');
  const before = own.redis().errors.timeout;
  await asksMuch(own);
  const { timeout } = own.redis().errors;
  assert.ok(timeout > before, 'it was asked');
  await Promise.all(Array.from({ length: 200 }, (_, at) => own.ask(`held ${at}`)));
  assert.ok(own.redis().errors.timeout <= timeout + 2, 'asked while the circuit was open');
  server.signal('SIGCONT');
  await hitsAgain(own);
});

test('an answer that is late is a miss, and never taken for another', async (context) => {
  const server = await RedisServer.start(context);
  const slow = await slowed(context, server.port);
  const own = cacheClient(context, `redis://127.0.0.1:${slow.port}`);
  await own.connected();
  const before = own.redis().errors.timeout;
  slow.delayMs = TIMEOUT_MS * 5;
  for (let at = 0; at < 20; at += 1) await own.ask(`late ${at}`, 'a');
  // Tries that failed while it connected count too, so that fewer than the limit may open it.
  assert.ok(own.redis().errors.timeout > before);
  assert.notEqual(own.redis().circuit, 'closed');
  slow.delayMs = 0;
  await hitsAgain(own);
  for (let at = 0; at < 20; at += 1) await own.ask(`late ${at}`, 'a');
});

test('Redis that is full keeps what it has, and takes no more', async (context) => {
  const flags = ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'];
  const server = await RedisServer.start(context, ...flags);
  const own = cacheClient(context, server.url);
  await own.connected();
  await server.command('CONFIG', 'SET', 'maxmemory', '1');
  for (let at = 0; at < 20; at += 1) assert.equal(await own.ask(`more ${at}`), 'miss');
  await until(() => own.redis().errors.reply > 0, 'Redis refuses a value');
  assert.equal(own.redis().circuit, 'closed');
  assert.equal(await own.ask('a'), 'hit');
});

test('Redis that is read-only is read', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url);
  await own.connected();
  await server.command('REPLICAOF', '127.0.0.1', String(await freePort()));
  for (let at = 0; at < 20; at += 1) assert.equal(await own.ask(`more ${at}`), 'miss');
  await until(() => own.redis().errors.reply > 0, 'Redis refuses a value');
  assert.equal(await own.ask('a'), 'hit');
});

test('a wrong password fails no request, and a right one is used', async (context) => {
  const server = await RedisServer.start(context, '--requirepass', 'right');
  const wrong = cacheClient(context, server.url, { password: 'wrong' });
  await asksMuch(wrong);
  await until(() => wrong.connection.lastError.includes('WRONGPASS'), 'the reason is known');
  await cacheClient(context, server.url, { password: 'right' }).connected();
});

test('what was emptied is filled again', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url);
  await own.connected();
  await server.command('FLUSHALL');
  assert.equal(await own.ask('a'), 'miss');
  await own.connected();
});

test('values that were changed or are not ours are misses, and are replaced', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url);
  await own.connected();
  const [one = '', other = ''] = await server.keys();
  const changes: readonly (readonly string[])[] = [
    ['SET', one, 'hello'],
    ['SET', one, ''],
    ['SETRANGE', one, '3', 'x'],
    ['COPY', other, one, 'REPLACE'],
    ['APPEND', one, 'x'],
    ['SET', one, 'x'.repeat(100_000)],
  ];
  for (const [at, change] of changes.entries()) {
    await server.command(...change);
    assert.equal(await own.ask('a'), 'partial', change.join(' ').slice(0, 40));
    assert.equal(own.redis().errors.value, at + 1);
    await own.connected();
  }
  await server.command('DEL', one);
  await server.command('RPUSH', one, 'a list');
  assert.equal(await own.ask('a'), 'partial');
});

test('who gives up while Redis is asked is told at once, and the models are not asked', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url);
  await own.connected();
  server.signal('SIGSTOP');
  const before = own.engine.requests.length;
  const texts = [{ text: 'given up', models: MODELS }];
  const request = { texts, deadlineMs: 1000, priority: 'interactive', fresh: false } as const;
  const { answer, cancel } = own.cached.infer(request);
  const reason = new ServiceError('cancelled', 'gone');
  cancel(reason);
  await assert.rejects(answer, reason);
  await sleep(3 * TIMEOUT_MS);
  assert.equal(own.engine.requests.length, before);
  server.signal('SIGCONT');
});

test('only what begins with the profile’s prefix is removed', async (context) => {
  const server = await RedisServer.start(context);
  const own = cacheClient(context, server.url);
  for (let at = 0; at < 30; at += 1) await own.connected(`text ${at}`);
  const others = ['chorus:owner:x', 'chorus:own', 'other:own:x'];
  for (const key of others) await server.command('SET', key, 'x');
  assert.equal(await own.connection.removeAll(keysOf('chorus', 'own')), 30 * MODELS.length);
  assert.deepEqual(await server.keys(), [...others].sort());
});
