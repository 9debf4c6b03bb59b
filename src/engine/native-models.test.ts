import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describeModel, LoadFailure, type Description, type ModelConfig } from './native-models.js';

type Addon = NonNullable<Parameters<typeof describeModel>[2]>;
type Outcome = Awaited<ReturnType<Addon['describeModel']>>;

test('a description crosses as it is, a refusal as a line that names the entry to blame', async () => {
  const model = { name: 'a' } as ModelConfig;
  const asked: unknown[] = [];
  const description: Description = {
    architecture: 'onnx',
    graph: '/a/model.onnx',
    data: [],
    task: 'embedding',
    maxTokens: 128,
    settings: [],
  };
  const describing = (outcome: Outcome) => ({
    describeModel: (...given: unknown[]) => {
      asked.push(given);
      return Promise.resolve(outcome);
    },
  });
  const done = describing({ type: 'done', description });
  assert.equal(await describeModel(model, ['model.onnx'], done), description);
  assert.equal(await describeModel(model, [], done), description);
  assert.deepEqual(asked, [
    [model, ['model.onnx']],
    [model, []],
  ]);
  const refusal = { type: 'failed', code: 'profile', message: 'no', model: 'a', field: 'format' };
  await assert.rejects(
    describeModel(model, [], describing(refusal as Outcome)),
    (error) => error instanceof LoadFailure && error.field === 'format' && error.message === 'no',
  );
});
