/**
 * `chorus cache` with clusters, Sentinels and servers that do not answer: what is wrong is told with whom it is wrong with.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runChorus } from '../testing/chorus-process.js';
import { freePort } from '../testing/free-port.js';
import { clusterUrl, fillCluster, startCluster, startSentinel } from '../testing/redis-cluster.js';
import { RedisServer } from '../testing/redis-server.js';

const KEPT = 'chorus:starter:';

function ping(url: string, password = '') {
  const environment = { CHORUS_CACHE_REDIS_URL: url, CHORUS_CACHE_REDIS_PASSWORD: password };
  return runChorus(['cache', 'ping', '--wait', '2s'], environment);
}

function flush(url: string, password = '') {
  const environment = { CHORUS_CACHE_REDIS_URL: url, CHORUS_CACHE_REDIS_PASSWORD: password };
  return runChorus(['cache', 'flush', 'starter'], environment);
}

/** What a command says last on standard error. */
function lastOf(stderr: string): string {
  return stderr.trim().split('\n').at(-1) ?? '';
}

for (const [command, run] of Object.entries({ ping, flush })) {
  test(`${command} of a cluster tells an absent server, another password and no cluster apart`, async (context) => {
    const absent = `127.0.0.1:${await freePort()}`;
    const closed = await RedisServer.start(context, '--requirepass', 'right');
    const plain = await RedisServer.start(context);
    for (const [node, password, reason] of [
      [absent, '', 'connect ECONNREFUSED'],
      [`127.0.0.1:${closed.port}`, 'wrong', 'WRONGPASS '],
      [`127.0.0.1:${closed.port}`, '', 'NOAUTH '],
      [`127.0.0.1:${plain.port}`, '', 'ERR This instance has cluster support disabled'],
    ] as const) {
      const { code, stderr, stdout } = await run(`redis+cluster://${node}`, password);
      assert.deepEqual([code, stdout], [1, '']);
      const told = lastOf(stderr);
      assert.ok(told.startsWith(`chorus: Redis at ${node}: ${node}: ${reason}`), told);
    }
  });
}

test('a ping of a cluster names each node of the URL with what is wrong with it', async (context) => {
  const absent = `127.0.0.1:${await freePort()}`;
  const plain = await RedisServer.start(context);
  const { code, stderr } = await ping(`redis+cluster://${absent},127.0.0.1:${plain.port}`);
  assert.equal(code, 1);
  const told = `${absent}: connect ECONNREFUSED .*; 127.0.0.1:${plain.port}: ERR This instance has`;
  assert.match(lastOf(stderr), new RegExp(told));
});

test('a flush of a cluster, one node of which stands still, removes what the other has and names the one', async (context) => {
  const [one, other] = await startCluster(context);
  const url = clusterUrl(other, one);
  await fillCluster(url, KEPT, 50);
  const kept = (await one.keys()).length;
  other.signal('SIGSTOP');
  const { code, stderr, stdout } = await flush(url);
  assert.deepEqual([code, stdout], [1, '']);
  const gone = `127.0.0.1:${other.port}: no answer within 5 s; ${kept} answers are removed`;
  const nodes = `127.0.0.1:${other.port},127.0.0.1:${one.port}`;
  assert.equal(lastOf(stderr), `chorus: Redis at ${nodes}: ${gone}`);
  assert.deepEqual(await one.keys(), []);
  other.signal('SIGCONT');
  assert.equal((await other.keys()).length, 50 - kept);
});

test('a cluster answers a ping though a node stands still, which is named', async (context) => {
  const [one, other] = await startCluster(context);
  other.signal('SIGSTOP');
  const url = clusterUrl(other, one);
  const environment = { CHORUS_CACHE_REDIS_URL: url };
  const { code, stdout } = await runChorus(['cache', 'ping', '--wait', '20s'], environment);
  const nodes = `127.0.0.1:${other.port},127.0.0.1:${one.port}`;
  const but = `127.0.0.1:${other.port}: no answer within 1 s`;
  assert.deepEqual([code, stdout], [0, `Redis at ${nodes} answers, but for ${but}\n`]);
});

test('a node that alone is named and stands still is named by ping and flush', async (context) => {
  const [one] = await startCluster(context);
  one.signal('SIGSTOP');
  const node = `127.0.0.1:${one.port}`;
  for (const run of [ping, flush]) {
    const { code, stderr, stdout } = await run(clusterUrl(one));
    assert.deepEqual([code, stdout], [1, '']);
    const told = lastOf(stderr);
    assert.ok(told.startsWith(`chorus: Redis at ${node}: ${node}: no answer within `), told);
  }
});

test('a ping of a server that stands still says that nobody has answered in that time', async (context) => {
  const server = await RedisServer.start(context);
  server.signal('SIGSTOP');
  const { code, stderr, stdout } = await ping(server.url);
  assert.deepEqual([code, stdout], [1, '']);
  const redis = `Redis at 127.0.0.1:${server.port}`;
  assert.equal(stderr, `${redis}: no answer yet\nchorus: ${redis}: no answer within 2 s\n`);
});

test('a ping names the server that is absent, or has another password', async (context) => {
  const port = await freePort();
  const absent = await ping(`redis://127.0.0.1:${port}`);
  const refused = `Redis at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`;
  assert.deepEqual([absent.code, lastOf(absent.stderr)], [1, `chorus: ${refused}`]);
  const server = await RedisServer.start(context, '--requirepass', 'right');
  const closed = await ping(server.url, 'wrong');
  assert.equal(closed.code, 1);
  assert.match(lastOf(closed.stderr), /^chorus: Redis at 127\.0\.0\.1:\d+: WRONGPASS/);
});

test('Sentinels answer for a server with a password, whether they have none or the same', async (context) => {
  const server = await RedisServer.start(context, '--requirepass', 'word');
  const known = 'sentinel auth-pass main word';
  const sentinel = await startSentinel(context, server, known);
  const url = `redis+sentinel://127.0.0.1:${sentinel.port}/main`;
  const right = await ping(url, 'word');
  assert.deepEqual(
    [right.code, right.stdout, right.stderr],
    [0, `Redis at 127.0.0.1:${sentinel.port} answers\n`, ''],
  );
  const same = await startSentinel(context, server, known, 'requirepass word');
  const asked = await ping(`redis+sentinel://127.0.0.1:${same.port}/main`, 'word');
  assert.deepEqual([asked.code, asked.stderr], [0, '']);
  const wrong = await ping(url, 'wrong');
  const told = `Redis at 127.0.0.1:${sentinel.port}: the server 127.0.0.1:${server.port}: WRONGPASS`;
  assert.deepEqual([wrong.code, wrong.stdout], [1, '']);
  assert.ok(lastOf(wrong.stderr).startsWith(`chorus: ${told}`), wrong.stderr);
});
