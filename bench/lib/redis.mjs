// A Redis of our own: on a free port of loopback, nothing on disk, ended by its process id.

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { spawnOwned } from './children.mjs';
import { freePorts } from './server.mjs';
import { toolPath } from './tools.mjs';

const READY_WITHIN_MS = 10_000;
const POLL_MS = 10;

/** Resolves when it answers, with `{url, stop}`; `folder` is where it would write if it wrote. */
export async function startRedis(folder) {
  const [port] = await freePorts(1);
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const child = spawnOwned(toolPath('redis.sh'), [...place, '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  await untilReady(child, port);
  return {
    url: `redis://127.0.0.1:${port}/0`,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}

async function untilReady(child, port) {
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    if (await answers(port)) return;
    await sleep(POLL_MS);
  }
  throw new Error(`redis-server was not ready within ${READY_WITHIN_MS / 1000} s`);
}

/** True where a PING is answered; what still loads answers otherwise. */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const done = (isThere) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('data', (bytes) => done(String(bytes).startsWith('+PONG')));
    socket.once('error', () => done(false));
  });
}
