/**
 * What the documents tell a reader to type is run by somebody before, and names what exists.
 */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { parse } from 'yaml';

import { commands } from '../cli/commands.js';
import { commandsOf, DOCUMENTS, NOT_RUN, RUN, type Documented } from './commands.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const all = DOCUMENTS.flatMap(commandsOf);

/** Words as a shell has them, without quotes. */
const words = (command: string) =>
  (command.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) =>
    word.replaceAll(/['"]/g, ''),
  );

/** The values of `flag` in a command. */
function valuesOf(command: string, flag: string): readonly string[] {
  const given = words(command);
  return given.flatMap((word, at) => (word === flag ? [given[at + 1] ?? ''] : []));
}

/** A test for each command of which `pattern` matches the beginning; there are some. */
function each(what: string, pattern: RegExp, holds: (command: string) => void): void {
  test(what, () => {
    const found = all.filter(({ command }) => pattern.test(command));
    assert.ok(found.length > 0);
    for (const { file, command } of found) {
      assert.doesNotThrow(() => {
        holds(command);
      }, `${file}: ${command}`);
    }
  });
}

test('every command is run by a test, or listed with the reason why not', () => {
  const isKnown = ({ command }: Documented) =>
    RUN.some((run) => run.command === command) ||
    NOT_RUN.some((reason) => reason.command.test(command));
  const unknown = all.filter((documented) => !isKnown(documented));
  assert.deepEqual(unknown, [], 'run them in src/docgen/commands.ts, or say there why not');
});

test('nothing is listed that no document has', () => {
  for (const { command } of RUN)
    assert.ok(
      all.some((one) => one.command === command),
      command,
    );
  for (const { command } of NOT_RUN) {
    assert.ok(
      all.some((one) => command.test(one.command)),
      String(command),
    );
  }
});

test('what is named as running a command is there', () => {
  for (const { why } of NOT_RUN) {
    for (const [path] of why.matchAll(/[\w.-]+(?:\/[\w.-]+)*\/[\w-]+(?:\.[\w]+)*\b/g)) {
      assert.ok(existsSync(join(root, path)), path);
    }
  }
});

test('make has every target that a document names', () => {
  const targets = new Set([...read('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name));
  for (const file of DOCUMENTS) {
    // In prose as well: `make chart`.
    for (const [, target] of read(file).matchAll(/(?:`|^ *|&& |sudo )make ([a-z][a-z-]*)/gm)) {
      assert.ok(targets.has(target), `${file}: make ${String(target)}`);
    }
  }
  for (const name of readdirSync(join(root, '.github/workflows'))) {
    const workflow = read(`.github/workflows/${name}`);
    for (const [, target] of workflow.matchAll(/^ +(?:- )?run: .*?\bmake ([a-z][a-z-]*)/gm)) {
      assert.ok(targets.has(target), `${name}: make ${String(target)}`);
    }
  }
});

each('chorus has every command and flag', /^(?:\S+=\S+ )?chorus /, (command) => {
  const [name, ...given] = words(command.replace(/^.*?chorus /, ''));
  const found = commands.find((candidate) => candidate.name === name);
  assert.ok(found !== undefined);
  const help = found.help();
  for (const flag of given.filter((word) => word.startsWith('--'))) {
    assert.match(help, new RegExp(`${flag}\\b`), flag);
  }
});

each('every file that helm is given is there, and every value', /^helm /, (command) => {
  for (const file of valuesOf(command, '-f')) assert.ok(existsSync(join(root, file)), file);
  const values = parse(read('helm/values.yaml')) as Readonly<Record<string, unknown>>;
  const settings = valuesOf(command, '--set').flatMap((list) => list.split(','));
  for (const [path = ''] of settings.map((setting) => setting.split('='))) {
    // What is inside a list or an object that is empty by default, the schema says.
    let at: unknown = values;
    for (const key of path.split(/[.[]/)) {
      if (typeof at !== 'object' || at === null || Object.keys(at).length === 0) break;
      assert.ok(key in at, path);
      at = (at as Readonly<Record<string, unknown>>)[key];
    }
  }
});

each('every Dockerfile is there, and has every argument', /^docker build /, (command) => {
  const [file = ''] = valuesOf(command, '-f');
  assert.ok(existsSync(join(root, file)), file);
  for (const argument of valuesOf(command, '--build-arg')) {
    assert.match(read(file), new RegExp(`^ARG ${argument.split('=')[0] ?? ''}=`, 'm'), argument);
  }
});

each('every folder that kubectl applies is there', /^kubectl apply /, (command) => {
  for (const folder of valuesOf(command, '-k')) {
    assert.ok(existsSync(join(root, folder, 'kustomization.yaml')), folder);
  }
});

each('every script of k6 is there, and reads what it is given', /^k6 run /, (command) => {
  const script = words(command).at(-1) ?? '';
  const folder = dirname(script);
  const scripts = readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.js'))
    .map((name) => join(folder, name));
  const text = scripts.map(read).join('\n');
  assert.ok(scripts.includes(script), script);
  for (const variable of valuesOf(command, '-e')) {
    assert.match(text, new RegExp(`\\b${variable.split('=')[0] ?? ''}\\b`), variable);
  }
});
