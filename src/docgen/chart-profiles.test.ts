import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { parse } from 'yaml';

import { settings } from '../config/settings.js';
import { processorsOf, precisions } from '../precisions.js';
import { locateProfile, shippedProfiles } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import { chartFolder } from './chart-values.js';

/** What `helm/files/shipped-profiles.yaml` says of a profile. */
interface Known {
  readonly pulled?: true;
  readonly models?: readonly { readonly name: string }[];
  readonly routes: readonly { readonly path: string; readonly contract: string }[];
  readonly golden?: readonly { readonly text: string; readonly labels: Record<string, string> }[];
}

const known = parse(
  readFileSync(join(chartFolder, 'files/shipped-profiles.yaml'), 'utf8'),
) as Record<string, Known>;

const template = (name: string) => readFileSync(join(chartFolder, 'templates', name), 'utf8');

test('the chart knows every profile that comes with the package, and no other', () => {
  assert.deepEqual(Object.keys(known).sort(), shippedProfiles().sort());
});

for (const [name, { pulled = false, models = [], routes, golden = [] }] of Object.entries(known)) {
  test(`what the chart knows of ${name} is what the profile says`, () => {
    const profile = readProfile(locateProfile(name));
    const [first] = profile.routes;
    assert.deepEqual(routes, [{ path: first?.path, contract: first?.contract }]);
    assert.equal(
      pulled,
      profile.models.some(({ source }) => source !== undefined),
    );
    const names = profile.models.map((model) => model.name);
    const mentioned = [
      ...models.map((m) => m.name),
      ...golden.flatMap((g) => Object.keys(g.labels)),
    ];
    assert.deepEqual(
      mentioned.filter((model) => !names.includes(model)),
      [],
    );
    // A profile from the hub promises nothing by itself; what the chart expects of it is said of its like.
    if (profile.golden.length > 0) assert.deepEqual(golden, profile.golden.slice(0, golden.length));
  });
}

test('the chart takes the answer timeout that the service has by itself', () => {
  const [, taken] = /answerTimeout \| default "(\w+)"/.exec(template('_checks-pod.tpl')) ?? [];
  assert.equal(taken, settings.answerTimeout.default);
});

test('KServe gives what is accepted the time that it may take', () => {
  const runtime = readFileSync(join(chartFolder, '../deploy/kserve/serving-runtime.yaml'), 'utf8');
  const [, seconds] = /CHORUS_SHUTDOWN_TIMEOUT\n +value: (\d+)s/.exec(runtime) ?? [];
  assert.ok(Number(seconds) >= Number.parseInt(settings.answerTimeout.default, 10));
});

test('the chart knows what computes each precision', () => {
  const [, table = ''] =
    /get \(dict ("int8"[^)]*)\) \./.exec(template('_checks-compute.tpl')) ?? [];
  const pairs = [...table.matchAll(/"(\w+)" "(\w+)"/g)].map(([, precision, on]) => [
    precision,
    [on],
  ]);
  const inexact = precisions.filter((precision) => precision !== 'exact');
  assert.deepEqual(
    Object.fromEntries(pairs),
    Object.fromEntries(inexact.map((precision) => [precision, processorsOf(precision)])),
  );
});
