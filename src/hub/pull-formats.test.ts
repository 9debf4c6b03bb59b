import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { StartError } from '../start-error.js';
import { pullWorld, REPO, type World } from '../testing/pull-world.js';
import type { GraphFiles, PullParts } from './pull.js';

const SMALL = { 'config.json': '{}', 'vocab.txt': 'a' };

const WEIGHTS: GraphFiles = { graph: '', data: [] };

/**
 * A pull of these files, told what each describing was asked; `answer` is its answer, whose data are told once the
 * graph is there, or why there is none.
 */
async function world(
  context: TestContext,
  files: Readonly<Record<string, string>>,
  answer: GraphFiles | StartError = WEIGHTS,
) {
  const asked: { names: readonly string[]; weightsFolder: string }[] = [];
  const describe: PullParts['describe'] = (_, { weightsFolder }, names) => {
    asked.push({ names, weightsFolder });
    if (answer instanceof StartError) return Promise.reject(answer);
    const { graph } = answer;
    return Promise.resolve(existsSync(join(weightsFolder, graph)) ? answer : { graph, data: [] });
  };
  const own = await pullWorld(context, { files: { ...SMALL, ...files } }, {}, describe);
  return { ...own, asked };
}

/** The files that were asked for. */
function fetched({ hub }: World): string[] {
  const subjects = hub.requests.map(({ subject }) => subject);
  const files = subjects.filter((subject) => subject.startsWith(`${REPO}/`));
  return [...new Set(files.map((subject) => subject.slice(REPO.length + 1)))].sort();
}

/** The names of what serving reads. */
function served(own: World): string[] {
  const { folder, locked } = own.installed();
  return locked.map(({ path }) => path.slice(folder.length + 1)).sort();
}

interface Locked {
  readonly path: string;
  readonly sha256: string;
  readonly converted_from?: string;
}

function lockOf({ lockFile }: World): readonly Locked[] {
  const lock = JSON.parse(readFileSync(lockFile, 'utf8')) as { models: { a: { files: Locked[] } } };
  return lock.models.a.files;
}

const SHARDED = {
  'pytorch_model-00001-of-00002.bin': 'one',
  'pytorch_model-00002-of-00002.bin': 'two',
  'pytorch_model.bin.index.json': '{}',
  'model.onnx': 'not needed beside weights',
};

test('every file of sharded pickles is converted and locked, and serving needs no pickle', async (context) => {
  const own = await world(context, SHARDED);
  await own.pull();
  const converted = lockOf(own).filter((file) => file.converted_from !== undefined);
  assert.deepEqual(
    converted.map(({ path, converted_from }) => [path, converted_from]),
    [
      ['model-00001-of-00002.safetensors', 'pytorch_model-00001-of-00002.bin'],
      ['model-00002-of-00002.safetensors', 'pytorch_model-00002-of-00002.bin'],
      ['model.safetensors.index.json', 'pytorch_model.bin.index.json'],
    ],
  );
  assert.ok(!fetched(own).includes('model.onnx'));
  for (const name of Object.keys(SHARDED).slice(0, 3)) {
    rmSync(own.cache.file(REPO, own.commit, name));
  }
  assert.deepEqual(served(own), [
    'config.json',
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
    'vocab.txt',
  ]);
});

test('a converted file that is not what the lock says is refused, whichever it is', async (context) => {
  const own = await world(context, SHARDED);
  await own.pull();
  const lock = readFileSync(own.lockFile, 'utf8');
  await own.pull();
  assert.equal(readFileSync(own.lockFile, 'utf8'), lock);
  const { sha256 } = lockOf(own).find(
    ({ path }) => path === 'model-00002-of-00002.safetensors',
  ) ?? {
    sha256: assert.fail('it is in the lock'),
  };
  writeFileSync(own.lockFile, lock.replace(sha256, '0'.repeat(64)));
  assert.match(
    await own.refusal(),
    /model-00002-of-00002\.safetensors: expected the sha256 0{64} of the lock, found/,
  );
});

const GRAPHS = {
  'onnx/model.onnx': 'graph',
  'onnx/model.onnx_data': 'not needed, for the graph does not name it',
  'onnx/numbers.pb': 'numbers',
  'onnx/model_fp16.onnx': 'not needed',
  'model.safetensors': 'not needed beside the graph',
};

test('a graph comes with the numbers that it names, and is found in its folder', async (context) => {
  const answer = { graph: 'onnx/model.onnx', data: ['onnx/numbers.pb'] };
  const own = await world(context, GRAPHS, answer);
  const expected = ['config.json', 'onnx/model.onnx', 'onnx/numbers.pb', 'vocab.txt'];
  for (const cached of [false, true]) {
    await own.pull();
    assert.deepEqual(fetched(own), cached ? [] : expected);
    assert.deepEqual(served(own), expected);
    own.hub.clearRequests();
  }
  const { folder, weightsFolder } = own.installed();
  assert.deepEqual([folder, weightsFolder], Array(2).fill(own.cache.snapshot(REPO, own.commit)));
});

test('numbers that a repository or a lock has not are named', async (context) => {
  const absent = { graph: 'onnx/model.onnx', data: ['onnx/absent.pb'] };
  const own = await world(context, GRAPHS, absent);
  assert.match(
    await own.refusal(),
    /^owner\/name at [0-9a-f]{40}: expected onnx\/absent\.pb, which has numbers of the graph, found no such file\.$/,
  );
  assert.ok(!existsSync(own.lockFile));
  absent.data = [];
  await own.pull();
  absent.data = ['onnx/numbers.pb'];
  await assert.rejects(own.pull(), (error) => {
    assert.ok(error instanceof StartError);
    assert.match(error.lines[0] ?? '', /^the lock of a: expected onnx\/numbers\.pb, /);
    assert.match(error.lines[1] ?? '', /own\.lock\.json .*--update$/);
    return true;
  });
  await own.pull({ update: true });
  assert.ok(served(own).includes('onnx/numbers.pb'));
});

test('what is not served is refused once its small files say so', async (context) => {
  const refusal = new StartError(['`model_type` is "t5", which is not supported']);
  const own = await world(context, { 'model.safetensors': 'large', 'modules.json': '[]' }, refusal);
  assert.match(await own.refusal(), /"t5"/);
  assert.deepEqual(fetched(own), ['config.json', 'modules.json', 'vocab.txt']);
  const [{ names } = assert.fail()] = own.asked;
  assert.deepEqual([...names].sort(), [
    'config.json',
    'model.safetensors',
    'modules.json',
    'vocab.txt',
  ]);
});

test('the names are those of the commit that has the weights', async (context) => {
  const own = await world(context, { 'pytorch_model.bin': 'pickle' });
  const other = await own.hub.addCommit(REPO, {
    ref: 'refs/pr/1',
    files: { 'model.safetensors': 'weights' },
  });
  const yaml = readFileSync(own.profileFile, 'utf8');
  own.profile(yaml.replace("' } }", `', weights_revision: '${other}' } }`));
  await own.pull();
  await own.pull();
  const asked = { names: ['model.safetensors'], weightsFolder: own.cache.snapshot(REPO, other) };
  assert.deepEqual(own.asked, [asked, asked]);
});

test('what a lock has not is said to be asked for anew', async (context) => {
  const refusals: StartError[] = [];
  const describe = () => (refusals[0] ? Promise.reject(refusals[0]) : Promise.resolve(WEIGHTS));
  const files = { ...SMALL, 'model.safetensors': 'weights' };
  const own = await pullWorld(context, { files }, {}, describe);
  await own.pull();
  refusals.push(new StartError(['expected an ONNX graph'], 2));
  await assert.rejects(own.pull(), (error) => {
    assert.ok(error instanceof StartError);
    assert.equal(error.exitCode, 2);
    assert.equal(error.lines[0], 'expected an ONNX graph');
    assert.match(error.lines[1] ?? '', /own\.lock\.json .*run: chorus pull .*own\.yaml --update$/);
    return true;
  });
});
