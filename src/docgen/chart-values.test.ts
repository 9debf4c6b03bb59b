import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { chartFolder, chartValues } from './chart-values.js';

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

test('a value without a comment is refused by its path', () => {
  assert.throws(() => chartValues('image:\n  tag: v1\n'), /image\.tag has no comment/);
});
