/**
 * The other places that a URL may name: Sentinels, a cluster, and an encrypted connection.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../testing/free-port.js';
import { RedisServer } from '../testing/redis-server.js';
import { until } from '../testing/until.js';
import { connect, type RedisConnection } from './redis-connection.js';
import { placeOf } from './redis-url.js';

function connected(context: TestContext, url: string): RedisConnection {
  const connection = connect(placeOf(url, ''));
  context.after(() => {
    connection.close();
  });
  return connection;
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

/** A cluster of two nodes, each with half of the slots; all are served where a node is gone, but its own. */
async function startCluster(context: TestContext): Promise<[RedisServer, RedisServer]> {
  const flags = ['--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no'];
  const one = await RedisServer.start(context, ...flags);
  const other = await RedisServer.start(context, ...flags);
  await one.command('CLUSTER', 'ADDSLOTSRANGE', '0', '8000');
  await other.command('CLUSTER', 'ADDSLOTSRANGE', '8001', '16383');
  await one.command('CLUSTER', 'MEET', '127.0.0.1', String(other.port));
  const isWhole = async (node: RedisServer) =>
    String(await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok');
  for (const node of [one, other]) await until(() => isWhole(node), 'the cluster is whole');
  return [one, other];
}

test('a cluster has each key where it belongs', async (context) => {
  const [one] = await startCluster(context);
  const connection = connected(context, `redis+cluster://127.0.0.1:${one.port}`);
  await keepsValues(connection, 50);
});

test('a flush of a cluster ends though a node is gone, and says which', async (context) => {
  const [one, other] = await startCluster(context);
  const connection = connected(context, `redis+cluster://127.0.0.1:${one.port}`);
  await keepsValues(connection, 5);
  const values = Array.from({ length: 50 }, (_, at) => ({
    key: `chorus:own:${at}`,
    bytes: Buffer.from([at]),
    ttlMs: 60_000,
  }));
  await connection.set(values);
  const kept = (await one.keys()).length;
  assert.ok(kept > 0 && kept < values.length, `${kept} of them`);
  await other.kill();
  await assert.rejects(connection.removeAll('chorus:own:'), (error: Error) => {
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${other.port}: `));
    assert.match(error.message, new RegExp(`the other nodes' ${kept} are removed$`));
    return true;
  });
  assert.deepEqual(await one.keys(), []);
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
  const server = await RedisServer.start(context);
  const folder = await mkdtemp(join(tmpdir(), 'chorus-sentinel-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, `sentinel monitor main 127.0.0.1 ${server.port} 1\n`);
  const sentinel = await RedisServer.startSentinel(context, file);
  await sentinel.kill();
  const connection = connected(context, `redis+sentinel://127.0.0.1:${sentinel.port}/main`);
  await sleep(1500);
  await sentinel.start();
  await keepsValues(connection, 5);
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
