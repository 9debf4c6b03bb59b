// Runs the service under load, has a real Prometheus scrape it with the alert rules, and asks every query
// of the dashboard: each must give data, and every rule must be evaluated. Alerts' own tests run as well.
//
//   node deploy/observability/try.mjs [--keep]
//
// Needs the built service, redis-server, prometheus and promtool (REDIS, PROMETHEUS and PROMTOOL name other
// binaries). --keep leaves everything running until Ctrl-C, to look at Prometheus' own pages.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { spawnOwned } from '../../bench/lib/children.mjs';
import { freePorts, startServer, stopServer } from '../../bench/lib/server.mjs';
import { TARGETS } from '../../bench/lib/targets.mjs';
import { textSet } from '../../bench/lib/texts.mjs';
import { dashboardQueries, dashboardVariables, RULES } from '../../dist/testing/promql.js';

const PROMETHEUS = process.env.PROMETHEUS ?? 'prometheus';
const REDIS = process.env.REDIS ?? 'redis-server';
const PROMTOOL = process.env.PROMTOOL ?? 'promtool';
/** Scraped every second, so that rates over this window have samples soon. */
const WINDOW = '20s';
const LOAD_MS = 40_000;
const CLIENTS = 12;

const folder = mkdtempSync(join(tmpdir(), 'chorus-dashboards-'));
const servers = [];
let loading = true;

function promtool(...args) {
  console.log(execFileSync(PROMTOOL, args, { encoding: 'utf8' }).trim());
}

/** Clients that ask one text after another, every other one new; each tenth request is a client's mistake. */
async function load(url) {
  const texts = readFileSync(textSet('shipped', folder).path, 'utf8').split('\n').filter(Boolean);
  let next = 0;
  const client = async () => {
    while (loading) {
      const known = texts[next % texts.length];
      const text = next % 2 === 0 ? known : JSON.stringify(`${JSON.parse(known)} ${next}`);
      const body = next % 10 === 9 ? '[]' : text;
      next += 1;
      await (await fetch(url, { method: 'POST', body })).arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

/** The service is given so little memory of its own for answers that it asks Redis all the time. */
async function cacheSettings() {
  const [port] = await freePorts(1);
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'].map(
    String,
  );
  servers.push({ child: spawnOwned(REDIS, args, { cwd: folder, stdio: 'ignore' }) });
  return { CHORUS_CACHE_SIZE: '64KiB', CHORUS_CACHE_REDIS_URL: `redis://127.0.0.1:${port}` };
}

async function startPrometheus(metricsPort) {
  const config = join(folder, 'prometheus.yml');
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [RULES],
      scrape_configs: [
        { job_name: 'chorus', static_configs: [{ targets: [`127.0.0.1:${metricsPort}`] }] },
      ],
    }),
  );
  const [port] = await freePorts(1);
  const origin = `http://127.0.0.1:${port}`;
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`];
  const command = () => ({
    file: PROMETHEUS,
    args: [...args, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'],
    ready: `${origin}/-/ready`,
  });
  servers.push(await startServer(command, join(folder, 'prometheus.log')));
  return origin;
}

async function api(origin, path, parameters = {}) {
  const response = await fetch(`${origin}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const { status, error, data } = await response.json();
  if (status !== 'success') throw new Error(`${error} (${parameters.query})`);
  return data;
}

/** Whether the query gives at least one number. */
async function hasData(origin, query) {
  const { result } = await api(origin, 'query', { query });
  return result.some(({ value: [, number] }) => number !== 'NaN');
}

async function faults(origin) {
  const found = [];
  const variables = { __rate_interval: WINDOW, __range: WINDOW };
  const queries = [...dashboardQueries(variables), ...dashboardVariables()];
  for (const { where, expr } of queries) {
    if (!(await hasData(origin, expr))) found.push(`${where}: no data: ${expr}`);
  }
  const { groups } = await api(origin, 'rules');
  const evaluated = groups.flatMap((group) => group.rules);
  for (const { name, health, lastError } of evaluated) {
    if (health !== 'ok') found.push(`${name}: ${health} ${lastError ?? ''}`);
  }
  console.log(`${queries.length} queries, ${evaluated.length} rules, ${found.length} faults`);
  return found;
}

try {
  promtool('check', 'rules', RULES);
  promtool('test', 'rules', join(import.meta.dirname, 'rules.test.yaml'));
  let metricsPort;
  const cache = await cacheSettings();
  const command = (ports) => {
    metricsPort = ports.adminPort;
    const { env, ...starter } = TARGETS.starter.command(ports);
    return { ...starter, env: { ...env, ...cache } };
  };
  const service = await startServer(command, join(folder, 'service.log'));
  servers.push(service);
  const origin = await startPrometheus(metricsPort);
  const loaded = load(service.url);
  await sleep(LOAD_MS);
  const found = await faults(origin);
  for (const fault of found) console.error(fault);
  if (found.length > 0) process.exitCode = 1;
  if (process.argv.includes('--keep')) {
    console.log(`Prometheus: ${origin}`);
    await new Promise(() => {});
  }
  loading = false;
  await loaded;
} finally {
  await Promise.all(servers.map(stopServer));
  rmSync(folder, { recursive: true });
}
