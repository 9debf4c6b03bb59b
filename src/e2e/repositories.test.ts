/**
 * Repositories as publishers have them, with the real command and the real engine: which of their files come, what
 * computes the model, and what is refused before anything large is asked for.
 */

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { RepoOptions } from 'chorus-test-hub';

import { FIXTURES, hubWorld, published } from './hub-world.js';

/** A profile of one model, whose repository has these files; `more` ends its entry. */
async function only(context: TestContext, files: RepoOptions['files'], more = '') {
  const own = await hubWorld(context);
  const revision = await own.hub.addRepo({ repo: 'owner/only', files });
  writeFileSync(
    own.profile,
    `name: own\nmodels: [{ name: only, source: { repo: owner/only, revision: '${revision}' }${more} }]\n` +
      'routes: [{ path: /process, contract: process }]\n',
  );
  const asked = () => own.hub.requests.map(({ subject }) => subject);
  return { ...own, asked };
}

/** Pulls, checks, and lists; gives the column of `chorus models` that says what computes the model. */
async function computerOf({ run, profile }: Awaited<ReturnType<typeof only>>): Promise<string> {
  const pulled = await run('pull', profile);
  assert.equal(pulled.code, 0, pulled.stderr);
  const checked = await run('check', profile);
  assert.equal(checked.code, 0, checked.stderr);
  const { stdout } = await run('models', profile);
  return /^own +only .*pulled, \S+ \S+ +(.*)$/m.exec(stdout)?.[1] ?? assert.fail(stdout);
}

test('sharded pickles are served', async (context) => {
  const weights = readFileSync(join(FIXTURES, 'roberta/model.safetensors'));
  const header = weights.subarray(8, 8 + Number(weights.readBigUInt64LE())).toString();
  const tensors = Object.keys(JSON.parse(header) as object);
  const shard = 'pytorch_model-00001-of-00001.bin';
  const weight_map = Object.fromEntries(tensors.map((name) => [name, shard]));
  const others = published('roberta', (name) =>
    name === 'model.safetensors' ? undefined : name === 'pytorch_model.bin' ? shard : name,
  );
  const own = await only(context, {
    ...others,
    'pytorch_model.bin.index.json': JSON.stringify({ metadata: {}, weight_map }),
  });
  assert.equal(await computerOf(own), 'weights');
});

for (const graph of ['onnx/model.onnx', 'onnx/model_quantized.onnx', 'model.onnx']) {
  test(`a repository whose graph is ${graph} is served`, async (context) => {
    const own = await only(context, { ...graphs({ [graph]: 'onnx' }), 'a.h5': 'none' });
    assert.equal(await computerOf(own), graph);
    assert.ok(!own.asked().includes('owner/only/a.h5'));
  });
}

/** A repository of graphs, each that of a fixture, with the numbers of the one that has them elsewhere. */
function graphs(of: Readonly<Record<string, 'onnx' | 'onnx-external'>>) {
  const others = published('onnx', (name) => (name === 'model.onnx' ? undefined : name));
  const files = Object.entries(of).map(
    ([path, fixture]) => [path, { file: join(FIXTURES, fixture, 'model.onnx') }] as const,
  );
  const numbers = { file: join(FIXTURES, 'onnx-external/numbers.pb') };
  return { ...others, ...Object.fromEntries(files), 'onnx/numbers.pb': numbers };
}

test('of several graphs that one comes which the profile names, with its numbers', async (context) => {
  const files = graphs({ 'onnx/model_O2.onnx': 'onnx', 'onnx/model_O3.onnx': 'onnx-external' });
  const unnamed = await only(context, files);
  assert.match(
    (await unnamed.run('pull', unnamed.profile)).stderr,
    /or the name of another as the model's `graph`, found onnx\/model_O2\.onnx, onnx\/model_O3\.onnx/,
  );
  const own = await only(context, files, ', graph: onnx/model_O3.onnx');
  assert.equal(await computerOf(own), 'onnx/model_O3.onnx');
  const graphsAsked = () => own.asked().filter((subject) => subject.includes('onnx/'));
  assert.deepEqual(
    new Set(graphsAsked()),
    new Set(['onnx/model_O3.onnx', 'onnx/numbers.pb'].map((path) => `owner/only/${path}`)),
  );

  const profile = readFileSync(own.profile, 'utf8');
  writeFileSync(own.profile, profile.replace('model_O3', 'model_O2'));
  const { code, stderr } = await own.run('serve', own.profile);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /own\.yaml:2:\d+: .*expected onnx\/model_O2\.onnx, found onnx\/model_O3\.onnx/,
  );
  const pulled = await own.run('pull', own.profile);
  assert.match(pulled.stderr, /to ask the hub anew, run: chorus pull .* --update/);
  assert.equal((await own.run('pull', own.profile, '--update')).code, 0);
  assert.equal(await computerOf(own), 'onnx/model_O2.onnx');
});

for (const [what, name, contents, line] of [
  ['type', 'config.json', { model_type: 't5' }, /model.type.*"t5"/],
  [
    'tokenizer',
    'tokenizer_config.json',
    { tokenizer_class: 'BertJapaneseTokenizer' },
    /BertJapaneseTokenizer/,
  ],
  ['setting', 'tokenizer_config.json', { do_something_new: true }, /do_something_new/],
] as const) {
  test(`a ${what} that is not served is refused before any weights are asked for`, async (context) => {
    const { run, profile, asked } = await only(context, {
      ...published('bert'),
      [name]: JSON.stringify(contents),
    });
    const { code, stderr } = await run('pull', profile);
    assert.equal(code, 1);
    assert.match(stderr, line);
    assert.ok(asked().includes(`owner/only/${name}`));
    assert.deepEqual(
      asked().filter((subject) => subject.includes('safetensors')),
      [],
    );
  });
}

test('a pickle that would run code is refused by the name of what it calls', async (context) => {
  const evil = Buffer.from('\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.', 'latin1');
  const { folder, profile, run } = await only(context, {
    ...published('bert', (name) => (name === 'model.safetensors' ? undefined : name)),
    'pytorch_model.bin': evil,
  });
  const { code, stderr } = await run('pull', profile);
  assert.equal(code, 1);
  assert.match(stderr, /pytorch_model\.bin: .*`posix\.system`\n$/);
  assert.ok(!existsSync(join(folder, 'own.lock.json')));
});
