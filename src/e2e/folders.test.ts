/**
 * Folders of models as people have them, with the real command and the real engine: what is served, what is refused
 * and in which words, and what `check` and `models` say of them.
 */

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { ModelInfo } from '../engine/engine.js';
import { runChorus, type Finished } from '../testing/chorus-process.js';

const FIXTURES = fileURLToPath(new URL('../../native/fixtures/', import.meta.url));

type Files = Readonly<Record<string, object>>;

interface World {
  readonly file: string;
  /** A copy of a fixture with JSON files besides; gives the name of its folder. */
  readonly folder: (name: string, fixture: string, files?: Files) => string;
  readonly run: (command: string, ...flags: string[]) => Promise<Finished>;
}

/** A profile that ends with `entries`. */
function world(context: TestContext, ...entries: readonly string[]): World {
  const root = mkdtempSync(join(tmpdir(), 'chorus-folders-'));
  context.after(() => {
    rmSync(root, { recursive: true });
  });
  const file = join(root, 'own.yaml');
  writeFileSync(file, ['name: own', ...entries, ''].join('\n'));
  return {
    file,
    folder: (name, fixture, files = {}) => {
      cpSync(join(FIXTURES, fixture), join(root, name), { recursive: true });
      for (const [path, contents] of Object.entries(files)) {
        mkdirSync(dirname(join(root, name, path)), { recursive: true });
        writeFileSync(join(root, name, path), JSON.stringify(contents));
      }
      return join(root, name);
    },
    run: (command, ...flags) => runChorus([command, file, ...flags], { HF_HUB_CACHE: root }),
  };
}

const ROUTES = 'routes: [{ path: /process, contract: process }]';

/** What sentence-transformers writes beside an encoder. */
const SENTENCES = {
  'modules.json': ['Transformer', 'Pooling'].map((kind, idx) => ({
    idx,
    name: String(idx),
    path: idx === 0 ? '' : `${idx}_${kind}`,
    type: `sentence_transformers.models.${kind}`,
  })),
  '1_Pooling/config.json': { word_embedding_dimension: 32, pooling_mode_mean_tokens: true },
};

const FAULTY = [
  'models:',
  '  - { name: a, path: a, format: onnx }',
  '  - { name: b, path: b }',
  '  - { name: c, path: c, max_tokens: 6000 }',
  '  - { name: d, path: d }',
  '  - { name: e, path: e, labels: { x: y } }',
  '  - { name: f, path: f }',
  '  - { name: g, path: g }',
  'routes:',
  '  - { path: /process, contract: process }',
];

for (const [command, code, hasReport] of [
  ['serve', 1, false],
  ['check', 1, true],
] as const) {
  test(`${command} refuses all models that it cannot serve at once, with line and column`, async (context) => {
    const { file, folder, run } = world(context, ...FAULTY);
    const folders = [
      folder('a', 'bert'),
      folder('b', 'bert-mean'),
      folder('c', 'bert'),
      folder('d', 'bert-mean', SENTENCES),
      folder('e', 'bert-mean', SENTENCES),
      folder('f', 'bert', { 'config.json': { model_type: 't5' } }),
      folder('g', 'bert', {
        'tokenizer_config.json': { tokenizer_class: 'BertJapaneseTokenizer' },
      }),
    ];
    // Refused for what they are, so that nothing of the weights was read.
    for (const model of folders) writeFileSync(join(model, 'model.safetensors'), '');
    const finished = await run(command);
    assert.equal(finished.code, code);
    assert.equal(finished.stdout !== '', hasReport);
    const lines = finished.stderr.trimEnd().split('\n');
    const expected = [
      `chorus: ${file}:3:25: models[0].format: ${folders[0]}: expected an ONNX graph`,
      `chorus: ${file}:4:5: models[1].pooling: ${folders[1]}/config.json: expected \`pooling: mean\``,
      `chorus: ${file}:5:25: models[2].max_tokens: ${folders[2]}: expected \`max_tokens\` from 4 to 64`,
      `chorus: ${file}:7:25: models[4].labels: ${folders[4]}/config.json: expected no \`labels\``,
      `chorus: ${folders[5]}/`,
      `chorus: ${folders[6]}/tokenizer_config.json: `,
      `chorus: ${file}:11:23: routes[0].contract: process takes classifiers, and d is an encoder`,
    ];
    assert.equal(lines.length, expected.length, finished.stderr);
    for (const [at, beginning] of expected.entries()) {
      assert.ok(lines[at]?.startsWith(beginning), `${lines[at]} does not begin with ${beginning}`);
    }
    assert.match(lines[4] ?? '', /model.type.*"t5"/);
    assert.match(lines[5] ?? '', /BertJapaneseTokenizer/);
  });
}

interface Report {
  readonly folders: readonly {
    readonly name: string;
    readonly computedBy: string;
    readonly settings: readonly { name: string; applied: boolean; reason: string }[];
  }[];
  readonly models: readonly ModelInfo[];
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

test('check reports what it read of a tokenizer, and which model no route serves', async (context) => {
  const { folder, run } = world(
    context,
    'models: [{ name: a, path: a }, { name: b, path: b/model.onnx }]',
    'routes: [{ path: /process, contract: process, models: [a] }]',
  );
  const tokenizer_class = 'BertTokenizer';
  folder('a', 'bert', {
    'tokenizer_config.json': { tokenizer_class, do_lower_case: true, padding_side: 'left' },
  });
  folder('b', 'onnx');
  const { code, stdout, stderr } = await run('check', '--json');
  assert.deepEqual([code, stderr], [0, '']);
  const { folders, models, notes, faults } = JSON.parse(stdout) as Report;
  assert.deepEqual(
    folders.map(({ name, computedBy }) => [name, computedBy]),
    [
      ['a', 'weights'],
      ['b', 'model.onnx'],
    ],
  );
  const settings = new Map(folders[0]?.settings.map((setting) => [setting.name, setting]));
  assert.equal(settings.get('do_lower_case')?.applied, true);
  assert.equal(settings.get('padding_side')?.applied, false);
  assert.match(settings.get('padding_side')?.reason ?? '', /not padded/);
  assert.deepEqual(
    models.map(({ name }) => name),
    ['a', 'b'],
  );
  const [unserved, memory, ...more] = notes;
  assert.equal(unserved, 'b is in the profile, and no route serves it');
  assert.match(memory ?? '', /^memory: up to \d+ MiB/);
  assert.deepEqual(more, []);
  assert.deepEqual(faults, []);
  const table = await run('check');
  assert.match(table.stdout, /^a +weights +1 +.*do_lower_case/m);
  assert.match(table.stdout, /^Note: b is in the profile, and no route serves it\.$/m);
});

test('check tests an encoder of which the profile says no more than its folder', async (context) => {
  const { folder, run } = world(
    context,
    'models: [{ name: a, path: a }, { name: older, path: older }, { name: newer, path: newer }]',
    'routes: [{ path: /process, contract: process, models: [a] }]',
  );
  folder('a', 'bert');
  for (const name of ['older', 'newer']) folder(name, `sentences/${name}`);
  const { code, stdout, stderr } = await run('check', '--json');
  assert.deepEqual([code, stderr], [0, '']);
  const { models, faults } = JSON.parse(stdout) as Report;
  assert.deepEqual(faults, []);
  const told = models.map(({ name, task, maxTokens, dimensions, normalized, similarity }) => {
    return { name, task, maxTokens, dimensions, normalized, similarity };
  });
  const vector = { task: 'embedding', dimensions: 32, normalized: true };
  assert.deepEqual(told.slice(1), [
    { name: 'older', ...vector, maxTokens: 16, similarity: 'cosine' },
    { name: 'newer', ...vector, maxTokens: 48, similarity: 'dot' },
  ]);
  assert.deepEqual(
    models.map(({ prompts, defaultPrompt }) => ({ prompts, defaultPrompt })),
    [
      { prompts: {}, defaultPrompt: undefined },
      { prompts: {}, defaultPrompt: undefined },
      {
        prompts: { document: '', passage: 'passage: ', plain: '', query: 'query: ' },
        defaultPrompt: 'passage: ',
      },
    ],
  );
  const table = await run('check');
  assert.match(table.stdout, /^older +bert .* 16 .* 32 dimensions, normalized$/m);
});

test('weights that are not those of their configuration are a finding', async (context) => {
  const { folder, run } = world(context, 'models: [{ name: a, path: a }]', ROUTES);
  writeFileSync(join(folder('a', 'bert'), 'model.safetensors'), 'nothing of the kind');
  const { code, stdout, stderr } = await run('check', '--json');
  assert.equal(code, 1);
  const { folders, models, faults } = JSON.parse(stdout) as Report;
  assert.deepEqual([folders.length, models.length, faults.length], [1, 0, 1]);
  assert.equal(stderr, `chorus: ${faults[0]}\n`);
  assert.match(stderr, /model\.safetensors/);
});

test('models says what computes each model that is here, or why it is not served', async (context) => {
  const { folder, run } = world(
    context,
    'models:',
    '  - { name: a, path: a }',
    '  - { name: b, path: b }',
    '  - { name: c, path: c, format: onnx }',
    '  - { name: d, path: nowhere }',
    ROUTES,
  );
  const graph = folder('b', 'onnx');
  mkdirSync(join(graph, 'onnx'));
  cpSync(join(graph, 'model.onnx'), join(graph, 'onnx/model_quantized.onnx'));
  rmSync(join(graph, 'model.onnx'));
  folder('a', 'bert');
  folder('c', 'bert');
  const { code, stdout, stderr } = await run('models');
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^own +a .* own folder +weights$/m);
  assert.match(stdout, /^own +b .* own folder +onnx\/model_quantized\.onnx$/m);
  assert.match(stdout, /^own +c .* own folder +refused: expected an ONNX graph.*$/m);
  assert.match(stdout, /^own +d .* not pulled$/m);
});
