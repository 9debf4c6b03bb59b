/**
 * A real cluster of Redis on loopback, and a server behind a Sentinel, for tests.
 */

import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { connect } from '../cache/redis-connect.js';
import { placeOf } from '../cache/redis-url.js';
import { RedisServer } from './redis-server.js';
import { until } from './until.js';

/** A cluster of two nodes, each with half of the slots; all are served where a node is gone, but its own. */
export async function startCluster(context: TestContext): Promise<[RedisServer, RedisServer]> {
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

/** The URL that names these nodes of a cluster. */
export function clusterUrl(...nodes: readonly RedisServer[]): string {
  return `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
}

/** Sets `count` keys that begin so, spread over the nodes of the cluster at `url`. */
export async function fillCluster(url: string, beginning: string, count: number): Promise<void> {
  const connection = connect(placeOf(url, ''));
  const values = Array.from({ length: count }, (_, at) => ({
    key: `${beginning}${at}`,
    bytes: Buffer.from([at]),
    ttlMs: 60_000,
  }));
  const isSet = () =>
    connection.set(values).then(
      () => true,
      () => false,
    );
  try {
    await until(isSet, 'values are taken');
  } finally {
    connection.close();
  }
}

/** A Sentinel that calls `server` main; `lines` are further ones of its settings. */
export async function startSentinel(
  context: TestContext,
  server: RedisServer,
  ...lines: readonly string[]
): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'chorus-sentinel-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'sentinel.conf');
  const monitor = `sentinel monitor main 127.0.0.1 ${server.port} 1`;
  writeFileSync(file, [monitor, ...lines, ''].join('\n'));
  return RedisServer.startSentinel(context, file);
}
