/**
 * What a process does where the system gives it little.
 */

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { ChorusProcess } from '../testing/chorus-process.js';

test('with few descriptors, connections are fewer and probes still answer', async (context) => {
  const args = ['serve', 'starter', '--host', '127.0.0.1', '--admin-host', '127.0.0.1'];
  const ports = ['--port', '0', '--admin-port', '0'];
  const chorus = new ChorusProcess([...args, ...ports], {}, { openFiles: 160 });
  context.after(() => {
    chorus.signal('SIGKILL');
  });
  const { port, adminPort } = await chorus.logged('ready');
  const warning = await chorus.logged(
    'fewer connections than --max-connections: the limit of open files allows no more',
  );
  assert.equal(warning.openFiles, 160);
  assert.ok(Number(warning.maxConnections) < 160);
  // Each has half a request on its way, so that none is idle.
  const sockets = Array.from({ length: 300 }, () => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => socket.destroy());
    socket.write('GET /health HTTP/1.1\r\n');
    return socket;
  });
  await Promise.all(
    sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
  );
  for (const path of ['livez', 'readyz', 'metrics']) {
    const response = await fetch(`http://127.0.0.1:${String(adminPort)}/${path}`);
    assert.equal(response.status, 200, path);
    await response.text();
  }
  for (const socket of sockets) socket.destroy();
});

test('connections that come in a burst while the process does nothing are all answered', async (context) => {
  const args = ['serve', 'starter', '--host', '127.0.0.1', '--admin-host', '127.0.0.1'];
  const chorus = new ChorusProcess([...args, '--port', '0', '--admin-port', '0']);
  context.after(() => {
    chorus.signal('SIGKILL');
  });
  const { port } = await chorus.logged('ready');
  chorus.signal('SIGSTOP');
  const answered = Array.from(
    { length: 1500 },
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(Number(port), '127.0.0.1');
        socket.write('GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
        socket.on('error', reject);
        socket.once('data', () => {
          socket.destroy();
          resolve();
        });
      }),
  );
  await sleep(500);
  chorus.signal('SIGCONT');
  const inTime = await Promise.race([
    Promise.all(answered).then(() => true),
    sleep(20_000, false, { ref: false }),
  ]);
  assert.ok(inTime, 'some were never answered');
});
