/**
 * nginx as the gateway of a mesh: it routes as a VirtualService says.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Starts it on `port`. `paths` are a VirtualService's matches, each with the `address` that it leads to. */
export async function startProxy(plane, port, paths) {
  const folder = join(plane.folder, 'proxy');
  mkdirSync(folder, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n  ');
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off;
user root;
worker_processes 1;
pid ${folder}/pid;
error_log stderr;
events {}
http {
  access_log off;
  ${temporary}
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    ${paths.map(location).join('\n    ')}
    location / { return 404; }
  }
}
`,
  );
  plane.programs.start('proxy', 'nginx', ['-c', file, '-e', 'stderr']);
  const origin = `http://127.0.0.1:${port}`;
  await plane.until('the proxy answers', async () => (await fetch(origin)).status === 404);
  return origin;
}

function location({ uri, address }) {
  const match = uri.exact === undefined ? `^~ ${uri.prefix}` : `= ${uri.exact}`;
  return `location ${match} { proxy_pass http://${address}; }`;
}
