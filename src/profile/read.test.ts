import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { StartError } from '../start-error.js';
import { locateProfile } from './locate.js';
import { readProfile } from './read.js';

function profileFile(context: TestContext, yaml: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-profile-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'own.yaml');
  writeFileSync(file, yaml);
  return file;
}

function faultsOf(file: string): string[] {
  try {
    readProfile(file);
  } catch (error) {
    assert.ok(error instanceof StartError);
    assert.equal(error.exitCode, 2);
    return error.lines.map((line) => line.slice(file.length + 1));
  }
  return [];
}

const ROUTES = 'routes: [{ path: /process, contract: process }]\n';

test("the challenge's models come in the order of its answer", () => {
  const { routes, models } = readProfile(locateProfile('challenge'), '/checkpoints');
  const names = ['cardiffnlp', 'ivanlau', 'svalabs', 'EIStakovskii', 'jy46604790'];
  assert.deepEqual(routes[0]?.models, names);
  assert.equal(models[0]?.folder, '/checkpoints/cardiffnlp');
  assert.equal(models[0].labels.negative, 'NEGATIVE');
  assert.match(models[0].source?.weightsRevision ?? '', /^c6ea16e/);
});

for (const name of [
  'starter',
  'challenge',
  'sentiment',
  'sentiment-starter',
  'classic',
  'retrieval',
  'retrieval-starter',
]) {
  test(`the shipped profile ${name} is valid and has its file's name`, () => {
    assert.equal(readProfile(locateProfile(name)).name, name);
  });
}

test('folders default to the one beside the profile, and a path of its own wins', (context) => {
  const yaml = `name: own\nmodels: [{ name: a }, { name: b, path: ./elsewhere }]\n${ROUTES}`;
  const file = profileFile(context, yaml);
  const folders = readProfile(file).models.map(({ folder }) => folder);
  assert.deepEqual(folders, [join(file, '../own/a'), join(file, '../elsewhere')]);
  assert.equal(readProfile(file, '/m').models[0]?.folder, '/m/a');
  assert.equal(readProfile(file, '/m').models[1]?.folder, join(file, '../elsewhere'));
});

test('models are loaded at start, or as the profile or they themselves say', (context) => {
  const loads = (usual: string) => {
    const yaml = `name: own\n${usual}models: [{ name: a }, { name: b, load: lazy }, { name: c, load: eager }]\n${ROUTES}`;
    return readProfile(profileFile(context, yaml)).models.map(({ load }) => load);
  };
  assert.deepEqual(loads(''), ['eager', 'lazy', 'eager']);
  assert.deepEqual(loads('load: lazy\n'), ['lazy', 'lazy', 'eager']);
});

test('every fault is reported at once, with its line and column', (context) => {
  const yaml = [
    'name: own',
    'models:',
    '  - name: a b',
    '    max_tokens: many',
    '    labls: {}',
    'routes:',
    '  - path: process',
    '    contract: 7',
    '',
  ].join('\n');
  const faults = faultsOf(profileFile(context, yaml));
  assert.equal(faults.length, 5);
  for (const [position, what] of [
    ['3:5', 'models[0].name: must be letters'],
    ['4:5', 'models[0].max_tokens'],
    ['5:5', 'models[0].labls: is not a known key'],
    ['7:5', 'routes[0].path: must be a path'],
    ['8:5', 'routes[0].contract'],
  ] as const) {
    assert.ok(
      faults.some((fault) => fault.startsWith(`${position}: ${what}`)),
      `${position} ${what} in ${faults.join('\n')}`,
    );
  }
});

test('an alias of nothing is a fault where it stands, as is a value that cannot be made', (context) => {
  const faults = (yaml: string) => faultsOf(profileFile(context, yaml));
  assert.deepEqual(faults('name: *own\nmodels: [*a]\n'), [
    '1:7: *own has no &own before it',
    '2:10: *a has no &a before it',
  ]);
  const [merge] = faults('%YAML 1.1\n---\n<<: [1]\n');
  assert.match(merge ?? '', /^1:1: Merge sources must be maps/);
  const laughs = 'abcdefghi'.replace(
    /.(?=(.))/g,
    (from, to) => `${to}: &${to} [${`*${from},`.repeat(9)}]\n`,
  );
  assert.match(faults(`a: &a [1]\n${laughs.slice(0, -1)}`).join(), /^1:1: Excessive alias count/);
});

test('a key of several lines is told on one, in quotes', (context) => {
  const faults = faultsOf(
    profileFile(context, `name: own\n"a\\nb\\x9b": 1\nmodels: [{ name: a }]\n${ROUTES}`),
  );
  assert.deepEqual(faults, [String.raw`2:1: ["a\nb\u009b"]: is not a known key`]);
});

test('a key that is no text is a fault where it stands', (context) => {
  const faults = faultsOf(profileFile(context, `name: own\n? { a: b }\n: 1\n`));
  assert.match(faults.join(), /^2:3: .*keys must be strings/);
});

test('a missing key is reported where it belongs', (context) => {
  const [fault] = faultsOf(profileFile(context, `name: own\nmodels:\n  - path: x\n${ROUTES}`));
  assert.match(fault ?? '', /^3:5: models\[0\]\.name/);
});

test('names of models must differ, and routes name known models, each once', (context) => {
  const yaml = [
    'name: own',
    'models: [{ name: a }, { name: a }]',
    'routes:',
    '  - { path: /x, contract: process, models: [a, c] }',
    '  - { path: /y, contract: process, models: [a, a] }',
    '',
  ].join('\n');
  const faults = faultsOf(profileFile(context, yaml));
  assert.deepEqual(faults.sort(), [
    '2:25: models[1].name: names a second model; names must differ',
    '4:48: routes[0].models[1]: is not a model of this profile',
    '5:48: routes[1].models[1]: names a model a second time; an answer has each once',
  ]);
});

test('fewer tokens than a model reads are refused where they stand', (context) => {
  const yaml = (tokens: number) =>
    `name: own\nmodels: [{ name: a, max_tokens: ${tokens} }]\n${ROUTES}`;
  assert.match(
    faultsOf(profileFile(context, yaml(3))).join(),
    /^2:21: models\[0\]\.max_tokens: .*4/,
  );
  assert.deepEqual(faultsOf(profileFile(context, yaml(4))), []);
});

test('what computes a model is what its entry says, else found out from its files', (context) => {
  const formats = (...entries: string[]) =>
    profileFile(context, `name: own\nmodels: [${entries.join(', ')}]\n${ROUTES}`);
  const file = formats('{ name: a }', '{ name: b, format: onnx }', '{ name: c, path: c/m.onnx }');
  const { models } = readProfile(file);
  assert.deepEqual(
    models.map(({ format }) => format),
    ['auto', 'onnx', 'auto'],
  );
  assert.equal(models[2]?.folder, join(file, '../c/m.onnx'));
  const faults = faultsOf(formats('{ name: a, format: graph }'));
  assert.match(faults.join(), /^2:21: models\[0\]\.format: .*"auto"\|"checkpoint"\|"onnx"/);
});

test('a graph is named by its place in the folder, where nothing else says what computes the model', (context) => {
  const faultsOfEntry = (entry: string) =>
    faultsOf(profileFile(context, `name: own\nmodels: [${entry}]\n${ROUTES}`)).join();
  const file = profileFile(
    context,
    `name: own\nmodels: [{ name: a, graph: onnx/b.onnx }, { name: b }]\n${ROUTES}`,
  );
  assert.deepEqual(
    readProfile(file).models.map(({ graph }) => graph),
    ['onnx/b.onnx', ''],
  );
  for (const graph of ['model', 'a/b.onnx', '../b.onnx', '/b.onnx', 'onnx/../../b.onnx']) {
    assert.match(
      faultsOfEntry(`{ name: a, graph: ${graph} }`),
      /models\[0\]\.graph: must be a graph in/,
    );
  }
  const twice = '{ name: a, path: a/m.onnx, graph: m.onnx }';
  assert.match(faultsOfEntry(twice), /models\[0\]\.graph: cannot be: path names the graph/);
  const weights = '{ name: a, path: a/m.onnx, format: checkpoint }';
  assert.match(faultsOfEntry(weights), /models\[0\]\.format: cannot be: path names a graph/);
  const none = '{ name: a, format: checkpoint, graph: m.onnx }';
  assert.match(faultsOfEntry(none), /models\[0\]\.graph: cannot be: format wants the weights/);
});

test('what only classifiers have is refused of an encoder', (context) => {
  const yaml = [
    'name: own',
    'models:',
    '  - { name: a, pooling: mean }',
    '  - { name: b, labels: { x: y }, pooling: cls }',
    '  - { name: c, labels: { x: y } }',
    'routes: [{ path: /process, contract: process }]',
    'golden: [{ text: t, labels: { a: x, c: y } }]',
    '',
  ].join('\n');
  assert.deepEqual(faultsOf(profileFile(context, yaml)), [
    '4:16: models[1].labels: cannot be: a model with pooling has none',
    '7:31: golden[0].labels.a: cannot be: a model with pooling has no labels',
  ]);
});

test('a precision that there is not is refused where it stands', (context) => {
  const yaml = `name: own\nmodels: [{ name: a }]\n${ROUTES}precisions: { bf16: 0.9, fp8: 1, int8: 2 }\n`;
  const faults = faultsOf(profileFile(context, yaml)).sort();
  assert.equal(faults.length, 2);
  assert.match(faults[0] ?? '', /^4:26: precisions\.fp8: is not a known key$/);
  assert.match(faults[1] ?? '', /^4:34: precisions\.int8: /);
});

test('a route says which keys open it, or that it is open', (context) => {
  const keysOf = (written: string) =>
    `name: own\nmodels: [{ name: a }]\nroutes: [{ path: /process, contract: process${written} }]\n`;
  const read = (written: string) =>
    readProfile(profileFile(context, keysOf(written))).routes.map(({ keys }) => keys);
  assert.deepEqual(read(''), ['any']);
  assert.deepEqual(read(', keys: none'), ['none']);
  assert.deepEqual(read(', keys: [web, phone]'), [['web', 'phone']]);
  for (const wrong of ['all', '[]', '{ web: 1 }']) {
    assert.deepEqual(faultsOf(profileFile(context, keysOf(`, keys: ${wrong}`))), [
      '3:47: routes[0].keys: must be none, or names of keys such as [web, phone]',
    ]);
  }
  const [fault] = faultsOf(profileFile(context, keysOf(', keys: [web, a b]')));
  assert.match(fault ?? '', /^3:\d+: routes\[0\]\.keys\[1\]: must be letters, digits/);
});

test('a fault that is found later is told where its entry stands', (context) => {
  const yaml = `name: own\nmodels: [{ name: a, max_tokens: 9 }]\n${ROUTES}`;
  const file = profileFile(context, yaml);
  const { fault } = readProfile(file);
  assert.equal(
    fault(['models', 0, 'max_tokens'], 'is odd'),
    `${file}:2:21: models[0].max_tokens: is odd`,
  );
  assert.match(
    fault(['models', 0, 'pooling'], 'is missing'),
    /:2:10: models\[0\]\.pooling: is missing$/,
  );
});

test('broken YAML is reported with its line', (context) => {
  const [fault] = faultsOf(profileFile(context, 'name: own\nmodels: [\n'));
  assert.match(fault ?? '', /^\d+:\d+: /);
});

test('of very broken YAML the first faults are told, and how many more there are', (context) => {
  const faults = faultsOf(profileFile(context, '}\n'.repeat(200)));
  assert.equal(faults.length, 6);
  assert.match(faults.at(-1) ?? '', /^6:1: and \d+ more from here on$/);
});

test('a graph in place of a profile is told from one, and how a profile names it', (context) => {
  const graph = join(profileFile(context, ''), '../own.onnx');
  writeFileSync(graph, Buffer.from([8, 8, 18, 4, 0x74, 0x66, 0xff, 0]));
  assert.deepEqual(faultsOf(locateProfile(graph)), [
    '1:1: the profile is an ONNX graph; it has to be a YAML file that has `path: ./own.onnx` for a model',
  ]);
  assert.throws(() => locateProfile('absent.onnx'), /no such file/);
});

test('what is no text is no profile', (context) => {
  for (const bytes of [
    Buffer.from('name: \u00e9\n', 'latin1'),
    Buffer.from('name: a', 'utf16le'),
  ]) {
    const file = profileFile(context, '');
    writeFileSync(file, bytes);
    assert.deepEqual(faultsOf(file), [
      '1:1: the profile is no text in UTF-8; it has to be a YAML file',
    ]);
  }
});

test('an unknown name lists the shipped profiles', () => {
  assert.throws(() => locateProfile('stater'), /Unknown profile stater: known names are .*starter/);
  assert.throws(() => locateProfile('./stater.yaml'), /no such file/);
});
