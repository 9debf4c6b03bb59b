// Targets that run, and the load that they get.

import { join } from 'node:path';

import { runForFigures } from '../lib/k6.mjs';
import { nginxBefore } from '../lib/nginx.mjs';
import { BENCH } from '../lib/paths.mjs';
import { cpuSeconds, withStarted } from '../lib/server.mjs';
import { sum } from '../lib/statistics.mjs';
import { ROUTE, TARGETS } from './targets.mjs';

export const WORK = join(BENCH, '.work', 'classic');
/** What load.js sends. */
export const ROWS = join(WORK, 'rows.jsonl');

const SCRIPT = join(BENCH, 'classic', 'load.js');

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
 * Sends load.js to `port`, a closed loop or, with `rate`, an open one. Gives its figures, how many cores the servers kept
 * busy meanwhile, and how many answers came of each second of a core.
 */
export async function send(port, servers, { connections, duration, rate }) {
  const before = cpuOf(servers);
  const figures = await runForFigures(SCRIPT, environment(port, connections, duration, rate), WORK);
  const { answers, seconds, requestsPerSecond, latencyMs, failed, failedChecks, dropped } = figures;
  const cpu = cpuOf(servers) - before;
  return {
    ...{ answers, seconds, rps: requestsPerSecond, failed, failedChecks, dropped },
    ...{ p50: latencyMs.med, p95: latencyMs['p(95)'], p99: latencyMs['p(99)'] },
    ...{ cores: cpu / seconds, perCore: answers / cpu },
  };
}

function environment(port, connections, duration, rate) {
  return {
    TARGET: `http://127.0.0.1:${port}${ROUTE}`,
    TEXTS: ROWS,
    VUS: String(connections),
    DURATION: duration,
    ...(rate === undefined ? {} : { RATE: String(rate) }),
  };
}

function cpuOf(servers) {
  return sum(servers.map(cpuSeconds));
}
