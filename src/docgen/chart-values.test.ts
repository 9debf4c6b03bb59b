import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { envOf, settingNames } from '../config/settings.js';
import { chartFolder, chartValues } from './chart-values.js';

/** All templates, as one text. */
const templates = (() => {
  const folder = join(chartFolder, 'templates');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:yaml|tpl|txt)$/i.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
})();

/** The first group of each match of `pattern` in `text`. */
function found(pattern: RegExp, text: string): string[] {
  return [...text.matchAll(pattern)].map(([, group = '']) => group);
}

/** The paths after `.Values.` in all templates. */
function referenced(): Set<string> {
  return new Set(found(/\.Values\.([A-Za-z.]+[A-Za-z])/g, templates));
}

/** The paths that templates use without writing them: of a map that a helper is called with, what the helper takes. */
function passedOn(): string[] {
  const calls = templates.matchAll(/include "([\w.]+)" \.Values\.([A-Za-z.]+[A-Za-z])/g);
  return [...calls].flatMap(([, helper = '', path = '']) => {
    const body = new RegExp(`define "${helper}"(.*?)\\n{{- end }}\\n(?:\\n|$)`, 's').exec(
      templates,
    );
    return found(/[ (]\.([A-Za-z]+)/g, body?.[1] ?? '').map((key) => `${path}.${key}`);
  });
}

test('every value of the chart is used by a template', () => {
  const used = [...referenced(), ...passedOn()];
  const whole = found(/toYaml \.Values\.([A-Za-z.]+[A-Za-z])/g, templates);
  const isUsed = (path: string) =>
    used.some((u) => u === path || u.startsWith(`${path}.`)) ||
    whole.some((map) => path.startsWith(`${map}.`));
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

test('extraEnv goes around no setting: each is one of values by its name, or the chart says where it comes from', () => {
  const schema = JSON.parse(readFileSync(join(chartFolder, 'values.schema.json'), 'utf8')) as {
    properties: { settings: { properties: object } };
  };
  const byName = Object.keys(schema.properties.settings.properties);
  const said = new Set(found(/\b(CHORUS_[A-Z_]+)\b/g, templates));
  const isSaid = (name: string) => said.has(envOf(name));
  assert.deepEqual(
    settingNames.filter((name) => !byName.includes(name) && !isSaid(name)),
    [],
  );
  // As the template makes a name of a variable.
  const named = (variable: string) =>
    variable.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  assert.deepEqual(
    byName.map((name) => named(envOf(name).replace('CHORUS_', ''))),
    byName,
  );
});

test('the values that extraEnv is told to use are there', () => {
  const table = /define "chorus\.envValues" -}}\n(.*?){{- end }}/s.exec(templates)?.[1] ?? '';
  const paths = found(/((?:apiKeys|cache|index|models|tls)\.[A-Za-z.]+[A-Za-z])/g, table);
  const known = chartValues().map(({ path }) => path);
  assert.ok(paths.length > 20);
  assert.deepEqual(
    paths.filter((path) => !known.some((k) => path === k || path.startsWith(`${k}.`))),
    [],
  );
});

test('a value without a comment is refused by its path', () => {
  assert.throws(() => chartValues('image:\n  tag: v1\n'), /image\.tag has no comment/);
});
