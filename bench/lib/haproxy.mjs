// HAProxy as a gateway that loses nothing: not when a server dies, and not when its own configuration is read anew.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { toolPath } from './tools.mjs';

/** What HAProxy answers by itself. */
const READY = '/haproxy-is-ready';

/**
 * What `startServer` takes; `folder` is where its configuration lies. A request whose server is gone goes to another one.
 * SIGUSR2 makes it read its configuration anew.
 */
export function haproxyBefore(ports, folder) {
  return ({ port }) => {
    mkdirSync(folder, { recursive: true });
    const config = join(folder, 'haproxy.cfg');
    writeFileSync(config, configuration(port, ports));
    // A master, which stays, and workers, which are replaced and take over its sockets.
    const args = ['-q', '-W', '-f', config];
    return { file: toolPath('debian.sh', 'haproxy'), args, env: {}, ready: `http://127.0.0.1:${port}${READY}` };
  };
}

function configuration(port, ports) {
  const servers = ports.map((server, at) => `  server replica${at} 127.0.0.1:${server}`);
  // `idle-close-on-response`: a worker that ends does not close connections that wait for their next request, which may be
  // under way; it ends them with the answer.
  return `global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout connect 1s
  timeout server 60s
  option idle-close-on-response
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response
  http-reuse always
frontend public
  bind 127.0.0.1:${port}
  http-request return status 204 if { path ${READY} }
  default_backend service
backend service
  balance roundrobin
${servers.join('\n')}
`;
}
