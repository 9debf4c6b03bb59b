/**
 * From a hub to answers, with the real command and the real engine: pull, check, serve.
 *
 * The checkpoints have the files that their originals have on the hub: weights as
 * `pytorch_model.bin` alone, a sentencepiece vocabulary or vocab.json with merges.txt.
 */

import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { TestHub, type RepoOptions } from 'chorus-test-hub';

import { ChorusProcess, runChorus, type Finished } from '../testing/chorus-process.js';
import { until } from '../testing/until.js';

const FIXTURES = fileURLToPath(new URL('../../native/fixtures/', import.meta.url));
const NOT_PUBLISHED = ['expected.json', 'model.safetensors'];

/** `owner/roberta` and `owner/xlm-roberta` on a hub, a profile of both, an empty cache. */
async function world(context: TestContext) {
  const hub = await TestHub.start();
  const folder = mkdtempSync(join(tmpdir(), 'chorus-hub-'));
  context.after(async () => {
    rmSync(folder, { recursive: true });
    await hub.close();
  });
  const names = ['roberta', 'xlm-roberta'];
  const models: string[] = [];
  for (const name of names) {
    const files = readdirSync(join(FIXTURES, name)).filter((file) => !NOT_PUBLISHED.includes(file));
    const revision = await hub.addRepo({
      repo: `owner/${name}`,
      license: 'mit',
      files: Object.fromEntries(files.map((file) => [file, { file: join(FIXTURES, name, file) }])),
    });
    models.push(
      `  - { name: ${name}, source: { repo: owner/${name}, revision: '${revision}' } }\n`,
    );
  }
  const profile = join(folder, 'own.yaml');
  const routes = 'routes: [{ path: /process, contract: process }]\n';
  writeFileSync(profile, `name: own\nmodels:\n${models.join('')}${routes}`);
  const cache = join(folder, 'cache');
  const environment = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache };
  return {
    hub,
    folder,
    profile,
    cache,
    environment,
    run: (...args: string[]): Promise<Finished> => runChorus(args, environment),
    start: (...flags: string[]) =>
      new ChorusProcess(
        ['serve', profile, '--port', '0', '--admin-port', '0', ...flags],
        environment,
      ),
  };
}

interface Expected {
  readonly cases: readonly { text: string; scores: Readonly<Record<string, number>> }[];
}

/** Every text of the fixtures gets the best label and the score that transformers gives it. */
async function assertAnswers(chorus: ChorusProcess): Promise<void> {
  const { port } = await chorus.logged('ready');
  for (const name of ['roberta', 'xlm-roberta']) {
    const expected = readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8');
    for (const { text, scores } of (JSON.parse(expected) as Expected).cases) {
      const response = await fetch(`http://127.0.0.1:${String(port)}/process`, {
        method: 'POST',
        body: JSON.stringify(text),
      });
      const answer = (await response.json()) as Record<string, { label: string; score: number }>;
      const [[label, score] = assert.fail(`${name} has no labels`)] = Object.entries(scores).sort(
        ([, a], [, b]) => b - a,
      );
      const top = answer[name] ?? assert.fail(`${name} gave no answer`);
      assert.equal(top.label, label, name);
      assert.ok(Math.abs(top.score - score) < 1e-5, `${name}: ${top.score}, expected ${score}`);
    }
  }
  chorus.signal('SIGTERM');
  assert.equal((await chorus.finished()).code, 0);
}

test('pull, check and serve; then serve from a copied cache without a hub', async (context) => {
  const { hub, folder, profile, cache, environment, run, start } = await world(context);

  const before = await run('serve', profile);
  assert.equal(before.code, 1);
  assert.match(
    before.stderr,
    /^chorus: Model roberta .* is not pulled, .*; run: chorus pull .*own\.yaml\n/,
  );

  const pulled = await run('pull', profile);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.match(pulled.stderr, /roberta: storing pytorch_model\.bin as model\.safetensors\n/);
  assert.match(pulled.stderr, /roberta\/pytorch_model\.bin: .* kB, verified\n/);
  assert.match(pulled.stderr, /2 models, .* locked in .*own\.lock\.json\n$/);

  const checked = await run('check', profile, '--json');
  assert.equal(checked.code, 0, checked.stderr);
  const report = JSON.parse(checked.stdout) as {
    models: { name: string; tokensPerSecond: number }[];
  };
  assert.deepEqual(
    report.models.map(({ name, tokensPerSecond }) => [name, tokensPerSecond > 0]),
    [
      ['roberta', true],
      ['xlm-roberta', true],
    ],
  );

  const listed = await run('models', profile);
  assert.match(listed.stdout, /own +roberta +owner\/roberta +[0-9a-f]{12} +pulled, /);
  assert.match(listed.stdout, /owner\/xlm-roberta +[0-9a-f]{12} +/);

  await assertAnswers(start());

  hub.clearRequests();
  const copy = join(folder, 'copy');
  cpSync(cache, copy, { recursive: true, verbatimSymlinks: true });
  const flags = ['serve', profile, '--port', '0', '--admin-port', '0'];
  await assertAnswers(new ChorusProcess(flags, { ...environment, HF_HUB_CACHE: copy }));
  assert.equal(hub.requests.length, 0);
});

test('serve --pull does both', async (context) => {
  const { start } = await world(context);
  await assertAnswers(start('--pull'));
});

test('a changed file is refused at start, with both digests', async (context) => {
  const { profile, cache, run } = await world(context);
  await run('pull', profile);
  const snapshots = join(cache, 'models--owner--roberta/snapshots');
  const weights = join(snapshots, readdirSync(snapshots)[0] ?? '', 'model.safetensors');
  const bytes = readFileSync(weights);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(weights, bytes);
  const { code, stderr } = await run('serve', profile);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^chorus: .*model\.safetensors: expected the sha256 [0-9a-f]{64} of the lock, found [0-9a-f]{64}\n$/,
  );
});

test('a killed pull leaves nothing that a server would take for whole', async (context) => {
  const { hub, profile, cache, environment, run } = await world(context);
  hub.fault({ kind: 'stall', path: 'roberta/pytorch_model.bin', afterBytes: 40_000, times: 2 });
  const killed = new ChorusProcess(['pull', profile], environment);
  const blobs = join(cache, 'models--owner--roberta/blobs');
  const isHalfWritten = () =>
    existsSync(blobs) && readdirSync(blobs).some((name) => name.endsWith('.incomplete'));
  await until(isHalfWritten, 'a file is half written');
  killed.signal('SIGKILL');
  await killed.finished();
  assert.match((await run('serve', profile)).stderr, /is not pulled/);
  hub.clearFaults();
  assert.equal((await run('pull', profile)).code, 0);
  assert.equal((await run('check', profile)).code, 0);
});

/** The files of a fixture by their names on a hub; `rename` gives another, or none where it is not published. */
function published(fixture: string, rename: (name: string) => string | undefined = (name) => name) {
  const names = readdirSync(join(FIXTURES, fixture)).filter((name) => name !== 'expected.json');
  return Object.fromEntries(
    names.flatMap((name) => {
      const path = rename(name);
      return path === undefined ? [] : [[path, { file: join(FIXTURES, fixture, name) }]];
    }),
  );
}

/** A profile of one model, whose repository has these files. */
async function only(context: TestContext, files: RepoOptions['files']) {
  const own = await world(context);
  const revision = await own.hub.addRepo({ repo: 'owner/only', files });
  writeFileSync(
    own.profile,
    `name: own\nmodels: [{ name: only, source: { repo: owner/only, revision: '${revision}' } }]\n` +
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
    const files = published('onnx', (name) => (name === 'model.onnx' ? graph : name));
    const own = await only(context, { ...files, [`${graph}_data`]: 'its numbers', 'a.h5': 'none' });
    assert.equal(await computerOf(own), graph);
    assert.ok(own.asked().includes(`owner/only/${graph}_data`));
    assert.ok(!own.asked().includes('owner/only/a.h5'));
  });
}

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
