/**
 * The alert rules against what surrounds them: their documentation, their tests, and the chart that makes the rules of one
 * release of them.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parse as parseYaml } from 'yaml';

import { shedCodes } from '../errors/codes.js';
import { DURATION_BUCKETS } from '../metrics/http-metrics.js';
import { readsOf, ruleQueries, rules, type Matcher } from '../testing/promql.js';
import { chartValues } from './chart-values.js';

const file = (path: string) => new URL(`../../${path}`, import.meta.url);
const read = (path: string) => readFileSync(file(path), 'utf8');

const alerts = rules().filter(({ alert }) => alert !== undefined);
const names = [...new Set(alerts.map(({ alert = '' }) => alert))].sort();

interface AlertTest {
  readonly alertname: string;
  readonly exp_alerts: readonly { readonly exp_labels: { readonly severity: string } }[];
}

function alertTests(): AlertTest[] {
  const folder = 'deploy/observability';
  const files = readdirSync(file(folder)).filter((name) => name.endsWith('.test.yaml'));
  return files.flatMap((name) => {
    const { tests } = parseYaml(read(`${folder}/${name}`)) as {
      tests: { alert_rule_test?: AlertTest[] }[];
    };
    return tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test);
  });
}

test('every alert has a section of docs/alerts.md, and every section an alert', () => {
  const sections = [...read('docs/alerts.md').matchAll(/^## (\w+)$/gm)];
  assert.deepEqual(sections.map(([, name = '']) => name).sort(), names);
});

test('what requests are shed for is explained, each reason', () => {
  const [, section = ''] = read('docs/alerts.md').split('## ChorusSustainedShedding');
  const [explained = ''] = section.split('\n## ');
  const items = [...explained.matchAll(/^- `(\w+)`:/gm)].map(([, code]) => code);
  assert.deepEqual(items.sort(), [...shedCodes].sort());
});

test('every alert is seen to fire with each of its severities, and to be silent', () => {
  const tried = alertTests();
  const silent = new Set(tried.filter((t) => t.exp_alerts.length === 0).map((t) => t.alertname));
  assert.deepEqual(
    names.filter((name) => !silent.has(name)),
    [],
    'these have no test where they are silent',
  );
  const fired = new Set(
    tried.flatMap(({ alertname, exp_alerts }) =>
      exp_alerts.map(({ exp_labels }) => `${alertname} ${exp_labels.severity}`),
    ),
  );
  const all = alerts.map(({ alert = '', labels }) => `${alert} ${labels?.severity ?? ''}`);
  assert.deepEqual(
    all.filter((alert) => !fired.has(alert)),
    [],
    'these have no test where they fire',
  );
});

test('a severity is page or ticket', () => {
  const severities = new Set(alerts.map(({ labels }) => labels?.severity));
  assert.deepEqual([...severities].sort(), ['page', 'ticket']);
});

/** What the chart replaces by the names of a release; helm/templates/_rules.tpl. */
const OF_RELEASE = [
  'job=~".+"',
  'deployment=~".*chorus.*"',
  'horizontalpodautoscaler=~".*chorus.*"',
  'container="chorus"',
  'pod=~".*chorus.*"',
];

test('whatever a rule asks for can be narrowed to a release', () => {
  const template = read('helm/templates/_rules.tpl');
  for (const scope of OF_RELEASE) assert.ok(template.includes(`replace \`${scope}\``), scope);
  const written = ({ label, operator, value }: Matcher) => `${label}${operator}"${value}"`;
  const wide = ruleQueries().flatMap((query) =>
    readsOf(query)
      .selectors.filter(
        ({ matchers }) => !matchers.some((matcher) => OF_RELEASE.includes(written(matcher))),
      )
      .map(({ metric }) => `${query.where}: ${metric}`),
  );
  assert.deepEqual(wide, []);
});

const valueOf = (path: string) => {
  const value = chartValues().find((value) => value.path === path);
  assert.ok(value !== undefined, path);
  return Number(value.default);
};

test("the chart's objectives are those of the rules", () => {
  const latency = valueOf('prometheusRule.latencySeconds');
  const budget = valueOf('prometheusRule.errorBudget');
  const slow = rules().filter(({ record }) => record?.startsWith('chorus:slow_answers:'));
  assert.equal(slow.length, 5);
  for (const { expr } of slow) assert.ok(expr.includes(`le=~"${latency}([.]0)?"`), expr);
  const recorded = rules().find(({ record }) => record === 'chorus:error_budget:ratio');
  assert.ok(recorded?.expr.startsWith(`${budget} * `));
});

test('the latency objective is one that each profile of docs/deploy.md can keep, and can be measured', () => {
  const latency = valueOf('prometheusRule.latencySeconds');
  const medians = [...read('docs/deploy.md').matchAll(/^\| [^|]+ \| +[\d.]+ +\| +(\d+) +\|/gm)];
  assert.ok(medians.length >= 4);
  // The median is not the slowest of a hundred: there must be room above it.
  for (const [row, ms] of medians) assert.ok((2 * Number(ms)) / 1000 <= latency, row);
  assert.ok(DURATION_BUCKETS.includes(latency));
});
