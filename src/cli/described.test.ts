import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LoadFailure, type Description, type EngineConfig } from '../engine/native-models.js';
import { StartError } from '../start-error.js';
import { testProfile } from '../testing/test-service.js';
import { describeAll, reasonOf, requireServable } from './described.js';

const classifier: Description = {
  architecture: 'bert',
  graph: '',
  data: [],
  task: 'classification',
  maxTokens: 512,
  settings: [],
};

/** What a folder is found to be, by its model's name, or what of it is refused. */
type Found = Readonly<Record<string, Description | { message: string; field?: string }>>;

function world(found: Found) {
  const profile = testProfile(Object.keys(found));
  const config = { models: Object.keys(found).map((name) => ({ name })) } as EngineConfig;
  const describe = ({ name }: { name: string }) => {
    const one = found[name] ?? assert.fail(`asked for ${name}`);
    if (!('message' in one)) return Promise.resolve(one);
    return Promise.reject(new LoadFailure({ type: 'failed', code: 'x', model: name, ...one }));
  };
  return { profile, config, describe };
}

test('everything that is wrong with any model is told at once', async () => {
  const { profile, config, describe } = world({
    a: { message: '/a/config.json: expected bert, found t5' },
    b: classifier,
    c: { message: 'expected 4 to 512', field: 'max_tokens' },
    d: { ...classifier, task: 'embedding' },
  });
  const { models, faults } = await describeAll(config, profile, describe);
  assert.deepEqual([...models.keys()], ['b', 'd']);
  assert.deepEqual(faults, [
    '/a/config.json: expected bert, found t5',
    'models.2.max_tokens: expected 4 to 512',
    'routes.0.contract: process takes classifiers, and d is an encoder',
  ]);
});

for (const [what, found, exitCode] of [
  ['files', { a: { message: '' }, b: { message: '', field: 'format' } }, 1],
  ["the profile's entries alone", { b: { message: '', field: 'format' } }, 2],
  ['contracts alone', { a: { ...classifier, task: 'embedding' } }, 2],
] as const) {
  test(`a start that is refused for ${what} ends with ${exitCode}`, async () => {
    const { profile, config, describe } = world(found);
    await assert.rejects(
      requireServable(config, profile, describe),
      (error) => error instanceof StartError && error.exitCode === exitCode,
    );
  });
}

test('models that can be served are not in the way of a start', async () => {
  const { profile, config, describe } = world({ a: classifier, b: classifier });
  await requireServable(config, profile, describe);
});

test('a panic while one is described is a line that names it', async () => {
  const { profile, config } = world({ a: classifier, b: classifier });
  const describe = ({ name }: { name: string }) =>
    name === 'a' ? Promise.reject(new Error('the engine panicked')) : Promise.resolve(classifier);
  const { models, faults, exitCode } = await describeAll(config, profile, describe);
  assert.deepEqual([...models.keys()], ['b']);
  assert.deepEqual(faults, ['Model a cannot be described: the engine panicked']);
  assert.equal(exitCode, 1);
});

test('why a model is refused is told without the folder that it is in', () => {
  assert.equal(reasonOf('/m/a/config.json: expected bert', '/m/a'), 'config.json: expected bert');
  assert.equal(reasonOf('/m/a: expected weights', '/m/a'), 'expected weights');
  assert.equal(reasonOf('/m/a.onnx: it is empty', '/m/a.onnx'), 'it is empty');
  assert.equal(reasonOf('/m/b/c.json: expected bert', '/m/a.onnx'), '/m/b/c.json: expected bert');
  assert.equal(reasonOf('/m/ab/c.json: expected bert', '/m/a'), '/m/ab/c.json: expected bert');
});
