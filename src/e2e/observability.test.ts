/**
 * The dashboard and the alert rules against a scrape of the running service: whatever they ask for is
 * there, down to the labels and their values.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { errorKinds, shedCodes, type ErrorCode } from '../errors/codes.js';
import { CLUSTER_METRICS } from '../testing/cluster-metrics.js';
import {
  dashboardQueries,
  dashboardVariables,
  readsOf,
  ruleQueries,
  rules,
  type Matcher,
} from '../testing/promql.js';
import { exchangeRaw } from '../testing/raw-socket.js';
import { until } from '../testing/until.js';
import { scrapeUntil, startChorus, type RunningChorus } from './running-chorus.js';

/** Labels that Prometheus adds to what it scrapes: `namespace` in Kubernetes, `cluster` where it looks after several. */
const TARGET_LABELS = ['job', 'instance', 'namespace', 'cluster'];
/** Metrics that Prometheus makes itself. */
const OF_PROMETHEUS = ['up'];

/** By the name of a sample: each label's values. */
type Scraped = Map<string, Map<string, Set<string>>>;

function parsed(exposition: string): Scraped {
  const scraped: Scraped = new Map();
  for (const line of exposition.split('\n')) {
    // Declared and without a sample yet, as garbage collection may be: known, without labels.
    const [, family = '', type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
    const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    for (const suffix of type === undefined ? [] : suffixes)
      scraped.set(family + suffix, scraped.get(family + suffix) ?? new Map<string, Set<string>>());

    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const known = scraped.get(name) ?? new Map<string, Set<string>>();
    scraped.set(name, known);
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      known.set(label, (known.get(label) ?? new Set()).add(value));
    }
  }
  return scraped;
}

async function stopped({ process }: RunningChorus): Promise<void> {
  process.signal('SIGTERM');
  await process.finished();
}

/** Whether a long text has no answer within a millisecond. */
async function isGivenUp(port: number): Promise<boolean> {
  const { status } = await fetch(`http://127.0.0.1:${port}/process`, {
    method: 'POST',
    headers: { 'chorus-deadline': '1' },
    body: JSON.stringify('word '.repeat(500)),
  });
  return status === 503;
}

/** Whether the values that were seen are ones that the matcher can mean. */
function isMet({ operator, value }: Matcher, seen: ReadonlySet<string>): boolean {
  if (operator === '=' || operator === '!=') return seen.has(value);
  // A plain list: every entry is a value. Anything else: some value fits.
  if (/^[\w|]+$/.test(value)) return value.split('|').every((entry) => seen.has(entry));
  const whole = new RegExp(`^(?:${value})$`);
  return [...seen].some((entry) => whole.test(entry));
}

test('the dashboard and the rules ask only for what the service has', async (context) => {
  // Nobody listens there: what is counted of Redis has its labels all the same.
  const chorus = await startChorus(['--cache-redis-url', 'redis://127.0.0.1:1']);
  context.after(() => stopped(chorus));
  await (await chorus.post('"a text"')).text();
  await (await chorus.post('no JSON')).text();
  await until(() => isGivenUp(chorus.port), 'an answer is given up for its time');
  await exchangeRaw(chorus.port, 'this is not HTTP\r\n\r\n');
  const retrieval = { profile: 'retrieval-starter', path: '/process' };
  const withIndex = await startChorus([], {}, retrieval);
  context.after(() => stopped(withIndex));
  const scraped = parsed(
    (await scrapeUntil(chorus, /^chorus_http_parse_errors_total\{/m)) +
      (await scrapeUntil(withIndex, /^chorus_index_info\{/m)),
  );
  const recorded = rules().flatMap(({ record }) => (record === undefined ? [] : [record]));

  const queries = [...dashboardQueries(), ...dashboardVariables(), ...ruleQueries()];
  assert.ok(queries.length > 60);
  for (const query of queries) {
    await context.test(`${query.where}: ${query.expr}`, () => {
      const { selectors, grouping } = readsOf(query);
      const labels = new Set(TARGET_LABELS);
      for (const { metric, matchers } of selectors) {
        if (recorded.includes(metric) || OF_PROMETHEUS.includes(metric)) continue;
        const ofCluster = CLUSTER_METRICS[metric];
        if (ofCluster !== undefined) {
          for (const label of ofCluster) labels.add(label);
          for (const { label } of matchers) {
            assert.ok(labels.has(label), `${metric} has no label ${label}`);
          }
          continue;
        }
        const known = scraped.get(metric);
        assert.ok(known, `neither the service nor its cluster has ${metric}`);
        for (const label of known.keys()) labels.add(label);
        for (const matcher of matchers) {
          if (TARGET_LABELS.includes(matcher.label)) continue;
          const seen = known.get(matcher.label);
          assert.ok(seen, `${metric} has no label ${matcher.label}`);
          assert.ok(
            isMet(matcher, seen),
            `${metric} has ${matcher.label} ${[...seen].join(', ')}, not ${matcher.value}`,
          );
        }
      }
      for (const label of grouping) assert.ok(labels.has(label), `nothing has a label ${label}`);
    });
  }
});

test('the error budget is spent by every 5xx that is not shedding', () => {
  const failures = Object.entries(errorKinds)
    .filter(([code, { status }]) => status >= 500 && !shedCodes.has(code as ErrorCode))
    .map(([code]) => code);
  const lists = [...ruleQueries(), ...dashboardQueries()]
    .flatMap((query) => readsOf(query).selectors)
    .filter(({ metric }) => metric === 'chorus_request_errors_total')
    .flatMap(({ matchers }) => matchers.filter(({ operator }) => operator === '=~'))
    .filter(({ label }) => label === 'reason');
  assert.ok(lists.length >= 7);
  for (const { value } of lists) assert.deepEqual(value.split('|').sort(), failures.sort());
});

test('without Prometheus the dashboard is not tried, and what to install is said first', () => {
  const script = fileURLToPath(new URL('../../deploy/observability/try.mjs', import.meta.url));
  const env = { ...process.env, PROMTOOL: 'no-promtool', PROMETHEUS: 'no-prometheus' };
  const { status, stderr, stdout } = spawnSync(process.execPath, [script], {
    env: { ...env, REDIS: process.execPath },
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    'chorus: no-promtool is missing; install it (Debian: apt-get install prometheus), or name one by PROMTOOL',
    'chorus: no-prometheus is missing; install it (Debian: apt-get install prometheus), or name one by PROMETHEUS',
  ]);
});
