/**
 * Proxies in front of the service, as there are in production, on free ports of loopback.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { freePort } from '../testing/free-port.js';
import { until } from '../testing/until.js';
import { startTool } from './tools.js';

/** How long a proxy keeps a connection to the service that it has no use for. */
const IDLE_SECONDS = 1;

/** nginx, which reuses its connections to `ports`; gives its port. */
export async function startNginx(context: TestContext, ports: readonly number[]): Promise<number> {
  const port = await freePort();
  const folder = folderOf(context);
  const servers = ports.map((upstream) => `server 127.0.0.1:${upstream};`).join(' ');
  const file = written(
    folder,
    `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/a; uwsgi_temp_path ${folder}/b; scgi_temp_path ${folder}/c;
  upstream service { ${servers} keepalive 64; keepalive_timeout ${IDLE_SECONDS}s; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream off;
    }
  }
}
`,
  );
  startTool(context, 'nginx', ['-e', `${folder}/error.log`, '-p', folder, '-c', file]);
  return listening(port);
}

/** HAProxy, which looks at /readyz of each service and reuses its connections to those that are ready. */
export async function startHaproxy(
  context: TestContext,
  services: readonly { readonly port: number; readonly adminPort: number }[],
): Promise<number> {
  const port = await freePort();
  const servers = services.map(
    (service, index) =>
      `  server s${index} 127.0.0.1:${service.port} check port ${service.adminPort} inter 200ms fall 1 rise 1 pool-purge-delay ${IDLE_SECONDS}s`,
  );
  const file = written(
    folderOf(context),
    `global
  maxconn 1024
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout check 1s
  retries 0
  http-reuse always
listen service
  bind 127.0.0.1:${port}
  option httpchk GET /readyz
${servers.join('\n')}
`,
  );
  startTool(context, 'haproxy', ['-q', '-db', '-f', file]);
  return listening(port);
}

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-front-'));
  context.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function written(folder: string, configuration: string): string {
  const file = join(folder, 'proxy.conf');
  writeFileSync(file, configuration);
  return file;
}

async function listening(port: number): Promise<number> {
  await until(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => {
          resolve(false);
        });
      }),
    'the proxy listens',
  );
  return port;
}
