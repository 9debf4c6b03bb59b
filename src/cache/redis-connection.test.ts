/**
 * The other places that a URL may name: Sentinels, a cluster, and an encrypted connection.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../testing/free-port.js';
import { clusterUrl, startCluster, startSentinel } from '../testing/redis-cluster.js';
import { RedisServer } from '../testing/redis-server.js';
import { until } from '../testing/until.js';
import { connect } from './redis-connect.js';
import type { RedisConnection } from './redis-connection.js';
import { placeOf } from './redis-url.js';

function connected(context: TestContext, url: string): RedisConnection {
  const connection = connect(placeOf(url, ''));
  context.after(() => {
    connection.close();
  });
  return connection;
}

/** Resolves once it has answered. */
async function answering(connection: RedisConnection): Promise<void> {
  const answers = () =>
    connection.ping(1000).then(
      () => true,
      () => false,
    );
  await until(answers, 'it answers');
}

/** Sets `count` values, reads them back among keys that are not there, and removes them. */
async function keepsValues(connection: RedisConnection, count: number): Promise<void> {
  const values = Array.from({ length: count }, (_, at) => ({
    key: `chorus:own:${at}`,
    bytes: Buffer.from([at, 0, 255]),
    ttlMs: 60_000,
  }));
  await until(
    () =>
      connection.set(values).then(
        () => true,
        () => false,
      ),
    'values are taken',
  );
  const keys = values.flatMap(({ key }) => [key, `${key}-absent`]);
  const found = await connection.get(keys);
  assert.deepEqual(
    found,
    values.flatMap(({ bytes }) => [bytes, null]),
  );
  assert.equal(await connection.removeAll('chorus:own:'), count);
  assert.deepEqual(await connection.get([keys[0] ?? '']), [null]);
}

test('a cluster has each key where it belongs', async (context) => {
  const [one] = await startCluster(context);
  const connection = connected(context, clusterUrl(one));
  await keepsValues(connection, 50);
});

/** Values that lie on both nodes of a cluster, and how many of them on `one`. */
async function spread(connection: RedisConnection, one: RedisServer): Promise<number> {
  await keepsValues(connection, 5);
  const values = Array.from({ length: 50 }, (_, at) => ({
    key: `chorus:own:${at}`,
    bytes: Buffer.from([at]),
    ttlMs: 60_000,
  }));
  await connection.set(values);
  const kept = (await one.keys()).length;
  assert.ok(kept > 0 && kept < values.length, `${kept} of them`);
  return kept;
}

for (const [fault, happens] of Object.entries({
  'is gone': (node: RedisServer) => node.kill(),
  'stands still': (node: RedisServer) => {
    node.signal('SIGSTOP');
  },
})) {
  test(`a flush of a cluster ends though a node ${fault}, and says which`, async (context) => {
    const [one, other] = await startCluster(context);
    const connection = connected(context, clusterUrl(one));
    const kept = await spread(connection, one);
    await happens(other);
    await assert.rejects(connection.removeAll('chorus:own:'), (error: Error) => {
      const reason =
        '(connect ECONNREFUSED .*|read ECONNRESET|the connection was closed|no answer within 5 s)';
      const gone = `127\\.0\\.0\\.1:${other.port}: ${reason}`;
      assert.match(error.message, new RegExp(`^${gone}; ${kept} answers are removed$`));
      return true;
    });
    assert.deepEqual(await one.keys(), []);
  });
}

test('a flush of a cluster that is not there removes nothing, and says so', async (context) => {
  const connection = connected(context, `redis+cluster://127.0.0.1:${await freePort()}`);
  await assert.rejects(connection.removeAll('chorus:own:'), /not known yet|ECONNREFUSED/);
});

test('a cluster without slots says so', async (context) => {
  const node = await RedisServer.start(context, '--cluster-enabled', 'yes');
  const connection = connected(context, clusterUrl(node));
  const told = `127.0.0.1:${node.port}: no slots of the cluster are assigned`;
  await assert.rejects(connection.ping(1000), new Error(told));
});

test('a flush behind Sentinels ends though the server is gone', async (context) => {
  const server = await RedisServer.start(context);
  const sentinel = await startSentinel(context, server);
  const connection = connected(context, `redis+sentinel://127.0.0.1:${sentinel.port}/main`);
  await keepsValues(connection, 5);
  await server.kill();
  const told = `the server 127\\.0\\.0\\.1:${server.port}: .*; 0 answers are removed$`;
  await assert.rejects(connection.removeAll('chorus:own:'), new RegExp(told));
});

test('what a flush has removed is told where it fails in the middle', async (context) => {
  const server = await RedisServer.start(context);
  await server.command('ACL', 'SETUSER', 'app', 'on', '>word', '+@all', '~chorus:own:1*');
  const url = server.url.replace('//', '//app:word@');
  const connection = connected(context, url);
  await answering(connection);
  for (let at = 0; at < 20; at += 1) await server.command('SET', `chorus:own:${at}`, 'x');
  await assert.rejects(
    connection.removeAll('chorus:own:'),
    /^Error: NOPERM.*; 11 answers are removed$/,
  );
  assert.equal((await server.keys()).length, 9);
});

test('what a node has removed counts though it fails in the middle', async (context) => {
  const [one, other] = await startCluster(context);
  const kept = await spread(connected(context, clusterUrl(one)), one);
  const all = kept + (await other.keys()).length;
  const [some = ''] = await other.keys();
  for (const node of [one, other]) {
    const keys = node === one ? '~*' : `~${some}`;
    await node.command('ACL', 'SETUSER', 'app', 'on', '>word', '+@all', keys);
  }
  const connection = connected(context, clusterUrl(one).replace('//', '//app:word@'));
  await answering(connection);
  const told = `:${other.port}: NOPERM.*; ${kept + 1} answers are removed$`;
  await assert.rejects(connection.removeAll('chorus:own:'), new RegExp(told));
  assert.equal((await other.keys()).length, all - kept - 1);
});

test('a cluster that is not there at first is used once it is', async (context) => {
  const node = await RedisServer.start(context, '--cluster-enabled', 'yes');
  await node.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await node.kill();
  const connection = connected(context, `redis+cluster://127.0.0.1:${node.port}`);
  await until(() => connection.lastError !== '', 'nobody is there');
  await node.start();
  await keepsValues(connection, 5);
});

test('Sentinels say where the server is, once they are there', async (context) => {
  const sentinel = await startSentinel(context, await RedisServer.start(context));
  await sentinel.kill();
  const connection = connected(context, `redis+sentinel://127.0.0.1:${sentinel.port}/main`);
  await sleep(1500);
  await sentinel.start();
  await keepsValues(connection, 5);
});

const PASSWORD = ['--requirepass', 'word'];
const USER = [
  ...['--user', 'default', 'off'],
  ...['--user', 'app', 'on', '>word', '~*', '&*', '+@all'],
];

for (const [layout, user, flags, lines] of [
  ['ask for no password', '', PASSWORD, ['sentinel auth-pass main word']],
  [
    'ask for no password, and the server for a user',
    'app',
    USER,
    ['sentinel auth-user main app', 'sentinel auth-pass main word'],
  ],
  ['ask for the same password', '', PASSWORD, ['sentinel auth-pass main word', 'requirepass word']],
] as const) {
  test(`Sentinels may ${layout}`, async (context) => {
    const server = await RedisServer.start(context, ...flags);
    const sentinel = await startSentinel(context, server, ...lines);
    const place = `${user}:word@127.0.0.1:${sentinel.port}/main`;
    await keepsValues(connected(context, `redis+sentinel://${place}`), 5);
  });
}

test('Sentinels that ask for another password are told from the server', async (context) => {
  const server = await RedisServer.start(context, ...PASSWORD);
  const sentinel = await startSentinel(context, server, 'requirepass another');
  const url = `redis+sentinel://:word@127.0.0.1:${sentinel.port}/main`;
  const connection = connected(context, url);
  await until(() => connection.lastError !== '', 'the reason is known');
  assert.match(connection.lastError, /^a Sentinel: WRONGPASS/);
});

test('rediss begins with a TLS handshake', async (context) => {
  const server = createServer();
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  context.after(() => server.close());
  connected(context, `rediss://127.0.0.1:${port}`);
  const [socket] = (await once(server, 'connection')) as [Socket];
  context.after(() => socket.destroy());
  const [first] = (await once(socket, 'data')) as [Buffer];
  const HANDSHAKE = 0x16;
  assert.equal(first[0], HANDSHAKE);
});
