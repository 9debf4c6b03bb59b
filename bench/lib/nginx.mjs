// nginx as a balancer: requests go to servers of loopback in turn, over connections that are kept.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { toolPath } from './tools.mjs';

/** What nginx answers by itself. */
const READY = '/nginx-is-ready';

/** What `startServer` takes; `folder` is where its configuration lies. */
export function nginxBefore(ports, folder) {
  return ({ port }) => {
    mkdirSync(folder, { recursive: true });
    const config = join(folder, 'nginx.conf');
    writeFileSync(config, configuration(port, ports, folder));
    const args = ['-e', 'stderr', '-p', folder, '-c', config];
    return { file: toolPath('debian.sh', 'nginx'), args, env: {}, ready: `http://127.0.0.1:${port}${READY}` };
  };
}

function configuration(port, ports, folder) {
  const servers = ports.map((server) => `server 127.0.0.1:${server} max_fails=0;`).join(' ');
  return `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  client_body_buffer_size 1m; client_max_body_size 1m; keepalive_requests 1000000;
  upstream service { ${servers} keepalive 256; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location = ${READY} { return 204; }
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream off;
    }
  }
}
`;
}
