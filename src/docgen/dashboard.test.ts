/**
 * The dashboard against its documentation and against itself. What its queries ask for is compared with a running service in
 * `e2e/observability`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { shedCodes } from '../errors/codes.js';
import { CLUSTER_METRICS } from '../testing/cluster-metrics.js';
import {
  dashboardPanels,
  dashboardQueries,
  dashboardVariables,
  readsOf,
  ruleQueries,
} from '../testing/promql.js';

const panels = dashboardPanels();

test('every query asks for the cluster, the namespace and the service that were chosen', () => {
  for (const query of dashboardQueries({}, (name) => `$${name}`)) {
    for (const { metric, matchers } of readsOf(query).selectors) {
      const chosen = matchers.filter(({ value }) => value.includes('$')).map(({ label }) => label);
      const ofCluster = Object.hasOwn(CLUSTER_METRICS, metric);
      const service = ofCluster ? ['deployment', 'horizontalpodautoscaler', 'pod'] : ['job'];
      const where = `${query.where}: ${metric}`;
      assert.ok(chosen.includes('cluster') && chosen.includes('namespace'), where);
      assert.ok(
        service.some((label) => chosen.includes(label)),
        where,
      );
    }
  }
});

test('nothing of a cluster is listed that nobody asks for', () => {
  const queries = [...dashboardQueries(), ...dashboardVariables(), ...ruleQueries()];
  const asked = new Set(
    queries.flatMap((query) => readsOf(query).selectors.map(({ metric }) => metric)),
  );
  assert.deepEqual(
    Object.keys(CLUSTER_METRICS).filter((metric) => !asked.has(metric)),
    [],
  );
});

test('errors that are told without shedding are without all of it', () => {
  const lists = dashboardQueries()
    .flatMap((query) => readsOf(query).selectors)
    .filter(({ metric }) => metric === 'chorus_request_errors_total')
    .flatMap(({ matchers }) => matchers.filter(({ operator }) => operator === '!~'));
  assert.equal(lists.length, 1);
  for (const { value } of lists) assert.deepEqual(value.split('|').sort(), [...shedCodes].sort());
});

test('a cluster or a namespace that metrics do not have is no choice to make', () => {
  const free = dashboardVariables().filter(({ label }) => ['cluster', 'namespace'].includes(label));
  assert.deepEqual(
    free.map(({ label, allValue }) => [label, allValue]),
    [
      ['cluster', '.*'],
      ['namespace', '.*'],
    ],
  );
});

test('panels have names of their own and places of their own', () => {
  const taken = new Map<string, string>();
  for (const { title, gridPos } of panels) {
    const { x, y, w, h } = gridPos;
    assert.ok(x + w <= 24, title);
    for (let column = x; column < x + w; column += 1) {
      for (let line = y; line < y + h; line += 1) {
        const place = `${column},${line}`;
        assert.equal(taken.get(place), undefined, `${title} lies upon ${taken.get(place)}`);
        taken.set(place, title);
      }
    }
  }
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
});

test('every panel that docs/alerts.md sends somebody to is there', () => {
  const text = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8');
  const named = [...text.matchAll(/(?<![\w`])_([A-Z][^_\n]+)_(?![\w`])/g)].map(([, name]) => name);
  const titles = panels.map(({ title }) => title);
  assert.ok(named.length >= 10);
  assert.deepEqual(
    named.filter((name = '') => !titles.includes(name)),
    [],
  );
});
