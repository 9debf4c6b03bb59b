// What one running service holds: memory by kind, threads, files.

import { readdirSync, readFileSync } from 'node:fs';

/** What a service's metrics say of `sample`, a name with its labels. */
export async function metric({ adminUrl }, sample) {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const line = text.split('\n').find((line) => line.startsWith(`${sample} `));
  return Number(line?.split(' ')[1]);
}

/** Bytes of memory by kind, threads and open files of a service's process. */
export async function usage(server) {
  const { pid } = server.child;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  const [rss, anonymous, file] = ['VmRSS', 'RssAnon', 'RssFile'].map((name) => field(name) * 1024);
  const files = readdirSync(`/proc/${pid}/fd`).length;
  const heap = await metric(server, 'nodejs_heap_size_total_bytes');
  return { rss, anonymous, file, heap, threads: field('Threads'), files };
}
