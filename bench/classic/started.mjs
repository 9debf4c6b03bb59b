// Targets that run, and the load that they get.

import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { spawnOwned } from '../lib/children.mjs';
import { runForFigures } from '../lib/k6.mjs';
import { nginxBefore } from '../lib/nginx.mjs';
import { secondsOf } from '../lib/options.mjs';
import { BENCH } from '../lib/paths.mjs';
import { cpuSeconds, withStarted } from '../lib/server.mjs';
import { sum } from '../lib/statistics.mjs';
import { ROUTE, TARGETS } from './targets.mjs';

export const WORK = join(BENCH, '.work', 'classic');
/** What is sent. */
export const ROWS = join(WORK, 'rows.jsonl');

const CLOSED_LOOP = join(BENCH, 'classic', 'load.js');
const OPEN_LOOP = join(BENCH, 'classic', 'open-loop.mjs');

/** Starts `count` servers of a target and calls `use` with them; they are ended whatever happens. */
export function withServers(target, count, use) {
  const logFile = (index) => join(WORK, `${target}-${index}.log`);
  return withStarted(TARGETS[target].command, count, logFile, use);
}

/** The same behind nginx, which is the first of what `use` is called with. */
export function withReplicas(target, count, use) {
  return withServers(target, count, (servers) => {
    const ports = servers.map(({ port }) => port);
    const command = nginxBefore(ports, join(WORK, 'nginx'));
    const logFile = () => join(WORK, 'nginx.log');
    return withStarted(command, 1, logFile, ([balancer]) => use(balancer, servers));
  });
}

/**
 * Sends k6's closed loop to `port` or, with `rate`, an open one. Gives its figures, how many cores the servers kept busy
 * meanwhile, and how many answers came of each second of a core.
 */
export async function send(port, servers, { rate, ...how }) {
  const url = `http://127.0.0.1:${port}${ROUTE}`;
  const before = cpuOf(servers);
  const figures = await (rate === undefined ? closedLoop(url, how) : openLoop(url, rate, how));
  const { answers, seconds, requestsPerSecond, latencyMs, failed, failedChecks, dropped } = figures;
  const cpu = cpuOf(servers) - before;
  return {
    ...{ answers, seconds, rps: requestsPerSecond, failed, failedChecks, dropped },
    ...{ p50: latencyMs.med, p95: latencyMs['p(95)'], p99: latencyMs['p(99)'] },
    ...{ cores: cpu / seconds, perCore: answers / cpu },
  };
}

function closedLoop(url, { connections, duration }) {
  const load = { TARGET: url, TEXTS: ROWS, VUS: String(connections), DURATION: duration };
  return runForFigures(CLOSED_LOOP, load, WORK);
}

async function openLoop(url, rate, { connections, duration }) {
  const numbers = [rate, connections, secondsOf(duration)].map(String);
  const child = spawnOwned(process.execPath, [OPEN_LOOP, url, ROWS, ...numbers], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [written] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return JSON.parse(written);
}

function cpuOf(servers) {
  return sum(servers.map(cpuSeconds));
}
