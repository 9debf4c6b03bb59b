/**
 * autotests/ against what they test, the chart's Service, and against whose they are: the challenge.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parse } from 'yaml';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test("the autotest's chart asks the port of the service's chart, and its path", () => {
  const chart = parse(read('helm/values.yaml')) as { service: { port: number } };
  const autotests = parse(read('autotests/helm/values.yaml')) as { env: { api_host: string } };
  const written = [
    autotests.env.api_host,
    ...read('autotests/helm/values.yaml').matchAll(/env\.api_host=(\S+)/g),
  ].map((found) => new URL(typeof found === 'string' ? found : (found[1] ?? '')));
  assert.ok(written.length >= 2);
  for (const { hostname, port, pathname } of written) {
    assert.equal(hostname, 'chorus');
    assert.equal(Number(port || 80), chart.service.port);
    assert.equal(pathname, '/process');
  }
});

interface Figures {
  readonly metrics: Readonly<Record<string, unknown>>;
}

const { markdownReport } = (await import(
  new URL('../../autotests/app/src/report.js', import.meta.url).href
)) as {
  markdownReport: (data: Figures, run: object) => string;
};
const { challengeStages, TIMEOUT } = (await import(
  new URL('../../bench/lib/challenge-stages.js', import.meta.url).href
)) as { challengeStages: () => Readonly<Record<string, object>>; TIMEOUT: string };
const contract = (await import(new URL('../../bench/lib/contract.js', import.meta.url).href)) as {
  LANGUAGES: readonly string[];
  LABELS: Readonly<Record<string, readonly string[]>>;
  checks: () => Readonly<Record<string, (reply: { status: number; answer: unknown }) => boolean>>;
};

test("scenarios, checks and the timeout are the challenge's, so that its dashboards find them", () => {
  assert.deepEqual(Object.keys(challengeStages()), [
    'does_it_even_work',
    'highload_scenario',
    'spike_scenario',
    'stress_speed_test',
  ]);
  const numbers = [1, 2, 3, 4, 5];
  const named = numbers.flatMap((n) => [`model ${n} label valid`, `model ${n} score valid`]);
  assert.deepEqual(Object.keys(contract.checks()).sort(), [
    'is status 200',
    // Its script reads each key by its name, in any order.
    'keys are the models in order',
    ...named,
  ]);
  assert.equal(TIMEOUT, '60s');
});

test("a language that the challenge's check refuses is renamed by the profiles", () => {
  const check = contract.checks()['model 2 label valid'];
  const isValid = (label: string) => check?.({ status: 200, answer: { ivanlau: { label } } });
  assert.ok(isValid('Mongolian'));
  assert.ok(!isValid('Mangolian'));
  for (const name of ['challenge', 'starter']) {
    const { models } = parse(read(`models/${name}.yaml`)) as {
      models: readonly { name: string; labels?: Readonly<Record<string, string>> }[];
    };
    const renamed = models.find((model) => model.name === 'ivanlau')?.labels ?? {};
    for (const language of contract.LANGUAGES) {
      assert.ok(isValid(renamed[language] ?? language), `${name}: ${language}`);
    }
  }
});

test('the verdict counts requests that were never sent', () => {
  const scenarios = challengeStages();
  const report = (dropped: number) =>
    markdownReport(
      {
        state: { testRunDurationMs: 1000 },
        root_group: { checks: [] },
        metrics: {
          'dropped_iterations{scenario:highload_scenario}': {
            values: { count: dropped },
            thresholds: { 'count<=0': { ok: dropped === 0 } },
          },
          // A closed loop has no rate to keep up with.
          'dropped_iterations{scenario:stress_speed_test}': { values: { count: 990_000 } },
        },
      } as Figures,
      { target: 'http://chorus/process', scale: 1, scenarios },
    );
  assert.match(report(0), /^Every threshold was met\. .* Every request was sent\.$/m);
  assert.match(
    report(397),
    /^Missed: `dropped_iterations\{scenario:highload_scenario\} count<=0`\. .* 397 requests were never sent\.$/m,
  );
});

test("the sentiment's load names a path that begins with no slash", async () => {
  const { baseUrl, load } = (await import(
    new URL('../../autotests/sentiment/settings.js', import.meta.url).href
  )) as Record<'baseUrl' | 'load', (variables: Readonly<Record<string, string>>) => unknown>;
  const api_host = 'http://texts.example';
  assert.equal(baseUrl({ api_host, PREFIX: '/lab/' }), 'http://texts.example/lab');
  assert.throws(() => baseUrl({ api_host, PREFIX: 'lab' }), /^Error: PREFIX .* slash.* lab$/);
  assert.throws(() => load({ ROUTE: 'predict' }), /^Error: ROUTE .* slash.* predict$/);
});
