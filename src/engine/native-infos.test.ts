import assert from 'node:assert/strict';
import { test } from 'node:test';

import { loadSettings } from '../config/load.js';
import { engineSettingsOf } from '../config/settings.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { loadNativeEngine } from './native-engine.js';

const config = { ...engineSettingsOf(loadSettings([], {}).settings), maxWait: 0, models: [] };

const [fake = assert.fail()] = fakeEngine().models;

interface Usage {
  readonly prompts: { readonly name: string; readonly text: string }[];
  readonly defaultPrompt?: string;
}

/** As it crosses the bridge; without a default prompt it has no such field. */
function encoder(usage: Usage) {
  const { defaultPrompt, ...model } = fake;
  assert.equal(defaultPrompt, undefined);
  const task = 'embedding' as const;
  const vector = { dimensions: 2, normalized: true, similarity: 'dot' as const };
  return { ...model, task, labels: [], width: 2, ...vector, ...usage };
}

/** What is told of models that come so across the bridge. */
async function told(...models: ReturnType<typeof encoder>[]) {
  const outcome = { type: 'done' as const, models, ortVersion: '1.30.0', maxBatchTokens: 256 };
  const NativeEngine = class {
    load = () => Promise.resolve(outcome);
    submit = () => assert.fail('was asked');
    refusal = () => assert.fail('was asked');
    cancel = () => assert.fail('was asked');
    stats = () => assert.fail('was asked');
    close = () => Promise.resolve();
  };
  return (await loadNativeEngine(config, undefined, { NativeEngine })).models;
}

test('prompts of an encoder are told by name, and its default one by its text', async () => {
  const prompts = [
    { name: 'document', text: '' },
    { name: 'query', text: 'query: ' },
  ];
  const [model = assert.fail()] = await told(encoder({ prompts, defaultPrompt: 'query: ' }));
  assert.deepEqual(model, {
    ...fake,
    ...{ task: 'embedding', labels: [], dimensions: 2, normalized: true, similarity: 'dot' },
    ...{ prompts: { document: '', query: 'query: ' }, defaultPrompt: 'query: ' },
  });
});

test('an encoder without prompts has none, and an empty one is one', async () => {
  const models = await told(encoder({ prompts: [] }), encoder({ prompts: [], defaultPrompt: '' }));
  assert.deepEqual(
    models.map(({ prompts, defaultPrompt }) => ({ prompts, defaultPrompt })),
    [
      { prompts: {}, defaultPrompt: undefined },
      { prompts: {}, defaultPrompt: '' },
    ],
  );
});
