// nginx as a balancer: requests go to servers of loopback in turn, over connections that are kept.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { spawnOwned } from './children.mjs';
import { BENCH } from './paths.mjs';
import { freePorts, stopServer } from './server.mjs';

const READY_WITHIN_MS = 10_000;
const POLL_MS = 10;

/** The path of nginx, fetched on first use. */
export function nginx() {
  const stdio = ['ignore', 'pipe', 'inherit'];
  const script = join(BENCH, 'tools', 'debian.sh');
  return execFileSync(script, ['nginx'], { encoding: 'utf8', stdio }).trim();
}

/** Resolves when it listens, with `{port, child, stop}`; `folder` is where its configuration and its log lie. */
export async function startNginx(ports, folder) {
  const [port] = await freePorts(1);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'nginx.conf');
  const log = join(folder, 'error.log');
  writeFileSync(file, configuration(port, ports, folder));
  const child = spawnOwned(nginx(), ['-e', log, '-p', folder, '-c', file], {
    stdio: 'ignore',
    // A worker of its own lives on where its master is killed.
    detached: true,
  });
  await untilListening(child, port, log);
  return { port, child, stop: () => stopServer({ child }) };
}

function configuration(port, ports, folder) {
  const servers = ports.map((server) => `server 127.0.0.1:${server} max_fails=0;`).join(' ');
  return `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  client_body_buffer_size 1m; client_max_body_size 1m; keepalive_requests 1000000;
  upstream service { ${servers} keepalive 256; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream off;
    }
  }
}
`;
}

async function untilListening(child, port, log) {
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null)
      throw new Error(`nginx ended with ${child.exitCode}; ${log} says why`);
    if (await accepts(port)) return;
    await sleep(POLL_MS);
  }
  await stopServer({ child });
  throw new Error(`nginx did not listen within ${READY_WITHIN_MS / 1000} s`);
}

async function accepts(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
