// Runs the service under load, has a real Prometheus scrape it with the alert rules, and asks every query
// of the dashboard: each must give data, and every rule must be evaluated. Alerts' own tests run first. What a
// cluster would tell is served beside it (cluster.mjs).
//
//   node deploy/observability/try.mjs [--rules | --keep]
//
// Needs the built service, redis-server, prometheus and promtool (REDIS, PROMETHEUS and PROMTOOL name other
// binaries). --rules ends after the alerts' tests, and needs promtool alone. --keep leaves everything running until
// Ctrl-C, to look at Prometheus' own pages.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { spawnOwned } from '../../bench/lib/children.mjs';
import { freePorts, startServer, stopServer } from '../../bench/lib/server.mjs';
import { chorus, TARGETS } from '../../bench/lib/targets.mjs';
import { textSet } from '../../bench/lib/texts.mjs';
import { dashboardQueries, dashboardVariables, RULES } from '../../dist/testing/promql.js';
import { serveCluster } from './cluster.mjs';

/** By the variables that name others, with where Debian has them. */
const PROGRAMS = {
  PROMETHEUS: { file: process.env.PROMETHEUS ?? 'prometheus', package: 'prometheus' },
  PROMTOOL: { file: process.env.PROMTOOL ?? 'promtool', package: 'prometheus' },
  REDIS: { file: process.env.REDIS ?? 'redis-server', package: 'redis-server' },
};
/** Scraped every second, so that rates over this window have samples soon. */
const WINDOW = '20s';
const LOAD_MS = 40_000;
const CLIENTS = 12;

const { values: options } = parseArgs({
  options: { rules: { type: 'boolean' }, keep: { type: 'boolean' } },
});
requirePrograms(options.rules ? ['PROMTOOL'] : ['PROMTOOL', 'PROMETHEUS', 'REDIS']);
testRules();
if (options.rules) process.exit();

const folder = mkdtempSync(join(tmpdir(), 'chorus-dashboards-'));
const servers = [];
let loading = true;

/** Ends with a line for each program that does not run, before anything else does. */
function requirePrograms(variables) {
  const missing = variables.filter(
    (variable) => spawnSync(PROGRAMS[variable].file, ['--version']).status !== 0,
  );
  for (const variable of missing) {
    const { file, package: name } = PROGRAMS[variable];
    console.error(
      `chorus: ${file} is missing; install it (Debian: apt-get install ${name}), or name one by ${variable}`,
    );
  }
  if (missing.length > 0) process.exit(1);
}

/** Ends with what promtool says where it finds a fault. */
function promtool(...args) {
  const { status } = spawnSync(PROGRAMS.PROMTOOL.file, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

function testRules() {
  const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.yaml'));
  promtool('check', 'rules', RULES);
  promtool('test', 'rules', ...tests.map((name) => join(import.meta.dirname, name)));
}

/** Clients that ask one text after another, every other one new; each tenth request is a client's mistake. */
async function load(url, bodyOf) {
  const texts = readFileSync(textSet('shipped', folder).path, 'utf8').split('\n').filter(Boolean);
  let next = 0;
  const client = async () => {
    while (loading) {
      const known = texts[next % texts.length];
      const text = next % 2 === 0 ? known : JSON.stringify(`${JSON.parse(known)} ${next}`);
      const body = next % 10 === 9 ? '[]' : bodyOf(text);
      next += 1;
      await answered(url, body);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

/** @throws {Error} that says which service did not answer, and why. */
async function answered(url, body) {
  try {
    await (await fetch(url, { method: 'POST', body })).arrayBuffer();
  } catch (error) {
    throw new Error(`${url} did not answer: ${error.cause?.message ?? error.message}`, {
      cause: error,
    });
  }
}

/** The service is given so little memory of its own for answers that it asks Redis all the time. */
async function cacheSettings() {
  const [port] = await freePorts(1);
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'].map(
    String,
  );
  servers.push({ child: spawnOwned(PROGRAMS.REDIS.file, args, { cwd: folder, stdio: 'ignore' }) });
  return { CHORUS_CACHE_SIZE: '64KiB', CHORUS_CACHE_REDIS_URL: `redis://127.0.0.1:${port}` };
}

async function startPrometheus(ports, clusterPort) {
  const config = join(folder, 'prometheus.yml');
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [RULES],
      scrape_configs: [
        { job_name: 'chorus', static_configs: [{ targets: ports.map(onLoopback) }] },
        // Namespaces are those of the objects, not of who tells of them.
        {
          job_name: 'cluster',
          honor_labels: true,
          static_configs: [{ targets: [onLoopback(clusterPort)] }],
        },
      ],
    }),
  );
  const [port] = await freePorts(1);
  const origin = `http://127.0.0.1:${port}`;
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`];
  const command = () => ({
    file: PROGRAMS.PROMETHEUS.file,
    args: [...args, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'],
    ready: `${origin}/-/ready`,
  });
  servers.push(await startServer(command, join(folder, 'prometheus.log')));
  return origin;
}

function onLoopback(port) {
  return `127.0.0.1:${port}`;
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
  const cache = await cacheSettings();
  const metricsPorts = [];
  const start = async (name, commandOf) => {
    const command = (ports) => {
      metricsPorts.push(ports.adminPort);
      return commandOf(ports);
    };
    const service = await startServer(command, join(folder, `${name}.log`));
    servers.push(service);
    return service.url;
  };
  const starter = await start('starter', (ports) => {
    const { env, ...command } = TARGETS.starter.command(ports);
    return { ...command, env: { ...env, ...cache } };
  });
  const retrieval = await start('retrieval', chorus('retrieval-starter'));
  const [clusterPort] = await freePorts(1);
  serveCluster(clusterPort);
  const origin = await startPrometheus(metricsPorts, clusterPort);
  const loaded = Promise.all([
    load(starter, (text) => text),
    load(retrieval, (text) => `{"instances":[${text}]}`),
  ]);
  const looked = sleep(LOAD_MS).then(() => faults(origin));
  // The load goes on until it is told to end: what comes of it earlier is its failure.
  const found = await Promise.race([looked, loaded]);
  for (const fault of found) console.error(fault);
  if (found.length > 0) process.exitCode = 1;
  if (options.keep) {
    console.log(`Prometheus: ${origin}`);
    await new Promise(() => {});
  }
  loading = false;
  await loaded;
} finally {
  await Promise.all(servers.map(stopServer));
  rmSync(folder, { recursive: true });
}
