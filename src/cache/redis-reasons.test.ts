/**
 * Why Redis is left alone, as the log says it: of a server, of a server behind Sentinels, and of a cluster.
 */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { asksMuch, cacheClient } from '../testing/cache-client.js';
import { freePort } from '../testing/free-port.js';
import { clusterUrl, startCluster, startSentinel } from '../testing/redis-cluster.js';
import { RedisServer } from '../testing/redis-server.js';
import { until } from '../testing/until.js';

/** A cache over `url`, and the reasons that the log is told. */
function client(context: TestContext, url: string, password = '') {
  const reasons: string[] = [];
  const onCircuit = (state: string, reason: string) => {
    if (state === 'open') reasons.push(reason);
  };
  return { ...cacheClient(context, url, { password, onCircuit }), reasons };
}

/** Asked until what is wrong is known, then until Redis is left alone. */
async function reasonOf(context: TestContext, url: string, password = ''): Promise<string> {
  const own = client(context, url, password);
  await until(() => own.connection.lastError !== '', 'what is wrong is known');
  await asksMuch(own);
  return own.reasons[0] ?? assert.fail('it is told');
}

test('a server that is absent', async (context) => {
  const port = await freePort();
  const reason = await reasonOf(context, `redis://127.0.0.1:${port}`);
  assert.equal(reason, `connect ECONNREFUSED 127.0.0.1:${port}`);
});

test('a server whose name has several addresses, and is at none', async (context) => {
  const reason = await reasonOf(context, `redis://localhost:${await freePort()}`);
  assert.match(reason, /connect ECONNREFUSED/);
});

test('a server of another password', async (context) => {
  const server = await RedisServer.start(context, '--requirepass', 'right');
  assert.match(await reasonOf(context, server.url, 'wrong'), /^WRONGPASS/);
});

test('a server that stands still, whatever was wrong before', async (context) => {
  const server = await RedisServer.start(context);
  await server.kill();
  const own = client(context, server.url);
  await asksMuch(own);
  await server.start();
  await own.connected();
  server.signal('SIGSTOP');
  await asksMuch(own);
  assert.equal(own.reasons.at(-1), 'no answer in time');
});

test('a server of another password behind Sentinels', async (context) => {
  const server = await RedisServer.start(context, '--requirepass', 'right');
  const sentinel = await startSentinel(context, server, 'sentinel auth-pass main right');
  const url = `redis+sentinel://127.0.0.1:${sentinel.port}/main`;
  const reason = await reasonOf(context, url, 'wrong');
  assert.match(reason, new RegExp(`^the server 127\\.0\\.0\\.1:${server.port}: WRONGPASS`));
});

test('a server that is gone behind Sentinels', async (context) => {
  const server = await RedisServer.start(context);
  const sentinel = await startSentinel(context, server);
  const own = client(context, `redis+sentinel://127.0.0.1:${sentinel.port}/main`);
  await own.connected();
  await server.kill();
  await until(() => own.connection.lastError.includes('ECONNREFUSED'), 'it is known');
  await asksMuch(own);
  const [reason = ''] = own.reasons.slice(-1);
  assert.match(
    reason,
    new RegExp(`^the server 127\\.0\\.0\\.1:${server.port}: connect ECONNREFUSED`),
  );
});

test('a Sentinel that is absent', async (context) => {
  const port = await freePort();
  const reason = await reasonOf(context, `redis+sentinel://127.0.0.1:${port}/main`);
  assert.equal(reason, `a Sentinel: connect ECONNREFUSED 127.0.0.1:${port}`);
});

test('a name that Sentinels do not know', async (context) => {
  const sentinel = await startSentinel(context, await RedisServer.start(context));
  const reason = await reasonOf(context, `redis+sentinel://127.0.0.1:${sentinel.port}/other`);
  assert.match(reason, /^a Sentinel: .*No such master with that name/);
});

test('a cluster that is absent', async (context) => {
  const port = await freePort();
  const reason = await reasonOf(context, `redis+cluster://127.0.0.1:${port}`);
  assert.equal(reason, `connect ECONNREFUSED 127.0.0.1:${port}`);
});

test('a cluster of another password', async (context) => {
  const [one, other] = await startCluster(context);
  for (const node of [one, other]) await node.command('CONFIG', 'SET', 'requirepass', 'right');
  assert.match(await reasonOf(context, clusterUrl(one), 'wrong'), /^WRONGPASS/);
});

test('a server that is no cluster', async (context) => {
  const server = await RedisServer.start(context);
  assert.match(await reasonOf(context, clusterUrl(server)), /cluster support disabled/);
});

test('a node of a cluster that is gone', async (context) => {
  const [one, other] = await startCluster(context);
  const own = client(context, clusterUrl(one));
  await own.connected();
  await Promise.all([one.kill(), other.kill()]);
  await asksMuch(own);
  const ports = `${one.port}|${other.port}`;
  const [reason = ''] = own.reasons.slice(-1);
  assert.match(
    reason,
    new RegExp(`^127\\.0\\.0\\.1:(${ports}): (connect ECONN|read ECONN|.*closed)`),
  );
});
