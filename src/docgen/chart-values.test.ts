import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { settingNames } from '../config/settings.js';
import { chartFolder, chartValues } from './chart-values.js';

/** What the chart decides itself, because the pod must agree with it; no value of `settings`. */
const decidedByTheChart = [
  'adminHost',
  'adminPort',
  'host',
  'modelsDir',
  'ortLibrary',
  'port',
  'profile',
  'pull',
  'shutdownTimeout',
];

/** The paths after `.Values.` in all templates. */
function referenced(): Set<string> {
  const folder = join(chartFolder, 'templates');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const text = files
    .filter((file) => /\.(?:yaml|tpl|txt)$/i.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
  return new Set(
    [...text.matchAll(/\.Values\.([A-Za-z.]+[A-Za-z])/g)].map(([, path = '']) => path),
  );
}

test('every value of the chart is used by a template', () => {
  const used = [...referenced()];
  const isUsed = (path: string) => used.some((u) => u === path || u.startsWith(`${path}.`));
  const dead = chartValues().filter(({ path }) => !isUsed(path));
  assert.deepEqual(dead, []);
});

test('every value that a template uses is in values.yaml', () => {
  const known = chartValues().map(({ path }) => path);
  const isKnown = (path: string) =>
    known.some((k) => k === path || path.startsWith(`${k}.`) || k.startsWith(`${path}.`));
  assert.deepEqual(
    [...referenced()].filter((path) => !isKnown(path)),
    [],
  );
});

test('the settings of the chart are those of the service, but for what the chart decides', () => {
  const schema = JSON.parse(readFileSync(join(chartFolder, 'values.schema.json'), 'utf8')) as {
    properties: { settings: { properties: object } };
  };
  const allowed = Object.keys(schema.properties.settings.properties);
  assert.deepEqual([...allowed, ...decidedByTheChart].sort(), [...settingNames].sort());
});

test('a value without a comment is refused by its path', () => {
  assert.throws(() => chartValues('image:\n  tag: v1\n'), /image\.tag has no comment/);
});
