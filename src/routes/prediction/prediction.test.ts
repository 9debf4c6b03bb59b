import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import type { Inference, InferRequest, ModelInfo } from '../../engine/engine.js';
import { fakeBest, fakeEngine, type FakeEngine } from '../../testing/fake-engine.js';
import { startRoute } from '../../testing/route-service.js';

const MODEL = 'ivanlau';
const LABELS = ['English', 'German', 'French', 'Japanese'];
const TEXTS = ['example 1', 'example 2', '', ' ', 'example 1'];

interface Prediction {
  readonly label: string;
  readonly probabilities?: Readonly<Record<string, number>>;
}

function start(context: TestContext, options: object = {}, engine: FakeEngine = fakeEngine()) {
  return startRoute(context, { contract: 'prediction', model: MODEL, options, engine });
}

/** An engine whose only model has these labels. */
function engineOf(labels: readonly string[]): FakeEngine {
  return fakeEngine({}, { [MODEL]: labels });
}

/** An engine whose models are otherwise than usual. */
function engineWith(change: Partial<ModelInfo>): FakeEngine {
  const engine = fakeEngine();
  return Object.assign(engine, { models: engine.models.map((one) => ({ ...one, ...change })) });
}

/** An engine that has decided for the last class of every text. */
function decided(): FakeEngine {
  const engine = fakeEngine();
  const infer = engine.infer.bind(engine);
  return Object.assign(engine, {
    infer(request: InferRequest): Inference {
      const inference = infer(request);
      const answer = inference.answer.then((answer) => ({
        ...answer,
        texts: answer.texts.map((text) => ({
          ...text,
          outputs: text.outputs.map((output) => ({ ...output, predicted: LABELS.length - 1 })),
        })),
      }));
      return { ...inference, answer };
    },
  });
}

async function answered<T>(response: Response): Promise<T> {
  assert.equal(response.status, 200);
  return (await response.json()) as T;
}

test('one text is answered by its label, as JSON and nothing else', async (context) => {
  const { ask } = await start(context);
  const response = await ask({ text: 'example 1' });
  assert.equal(response.headers.get('content-type'), 'application/json');
  const { label } = fakeBest(MODEL, 'example 1');
  assert.equal(await response.text(), `{"label":"${label}"}`);
});

test('a list is answered by a list in the texts’ order, duplicates as well', async (context) => {
  const { ask } = await start(context);
  const answers = await answered<Prediction[]>(await ask({ text: TEXTS }));
  assert.deepEqual(
    answers,
    TEXTS.map((text) => ({ label: fakeBest(MODEL, text).label })),
  );
  assert.ok(new Set(answers.map(({ label }) => label)).size > 1);
  assert.deepEqual(await answered(await ask({ text: ['example 1'], probabilities: false })), [
    { label: fakeBest(MODEL, 'example 1').label },
  ]);
});

test('probabilities are those of every label, in class order', async (context) => {
  const { ask } = await start(context);
  const answers = await answered<Prediction[]>(await ask({ text: TEXTS, probabilities: true }));
  assert.equal(answers.length, TEXTS.length);
  for (const [at, { label, probabilities = {} }] of answers.entries()) {
    const top = fakeBest(MODEL, TEXTS[at] ?? '');
    assert.equal(label, top.label);
    assert.equal(probabilities[label], top.score);
    assert.deepEqual(Object.keys(probabilities), LABELS);
    const sum = Object.values(probabilities).reduce((sum, one) => sum + one, 0);
    assert.ok(Math.abs(sum - 1) < 1e-6);
  }
  const one = await answered<Prediction>(await ask({ text: 'example 1', probabilities: true }));
  assert.deepEqual(one, answers[0]);
});

test('the label is the one that the model has decided for, whatever the scores', async (context) => {
  const { ask } = await start(context, {}, decided());
  const answers = await answered<Prediction[]>(await ask({ text: TEXTS, probabilities: true }));
  for (const [at, { label, probabilities = {} }] of answers.entries()) {
    assert.equal(label, 'Japanese');
    const top = fakeBest(MODEL, TEXTS[at] ?? '');
    assert.equal(probabilities[top.label], top.score);
  }
});

test('labels that look like numbers or need escapes keep their class order', async (context) => {
  const labels = ['b', '1', '__proto__', '0', '"'];
  const { ask } = await start(context, {}, engineOf(labels));
  const response = await ask({ text: 'example 1', probabilities: true });
  const keys = [...(await response.text()).matchAll(/("(?:[^"\\]|\\.)*"):\d/g)];
  assert.deepEqual(
    keys.map(([, key = '']) => JSON.parse(key) as string),
    labels,
  );
});

test('classes of the same name are one label, with their probability together', async (context) => {
  const { ask } = await start(context, {}, engineOf(['yes', 'no', 'yes']));
  const { probabilities = {} } = await answered<Prediction>(
    await ask({ text: 'example 1', probabilities: true }),
  );
  assert.deepEqual(Object.keys(probabilities), ['yes', 'no']);
  assert.ok(Math.abs((probabilities.yes ?? 0) + (probabilities.no ?? 0) - 1) < 1e-6);
});

test('a model without probabilities gives labels, and says why no more', async (context) => {
  const { ask, faults } = await start(context, {}, engineWith({ scores: 'numbers' }));
  assert.deepEqual(await faults({ text: 'a', probabilities: true }), [
    '/probabilities must be false or left out: the scores of ivanlau are no probabilities',
  ]);
  const { label } = await answered<Prediction>(await ask({ text: 'a', probabilities: false }));
  assert.equal(label, fakeBest(MODEL, 'a').label);
});

for (const [body, ...expected] of [
  [{}, '/text must be a list of strings, or one string, and it is missing'],
  [{ text: [1] }, '/text/0 must be a string, and it is a number'],
  [{ text: 'a', probabilities: 1 }, '/probabilities must be true or false, and it is a number'],
  [{ text: 'a', probabilities: null }, '/probabilities must be true or false, and it is null'],
  [{ text: 'a', probability: true }, '/probability is not known'],
  ['a', ' must be an object, and it is a string'],
  [{ text: Array(4).fill('a') }, '/text must have at most 3 texts, and it has 4'],
] as const) {
  test(`${JSON.stringify(body)} is refused with every fault`, async (context) => {
    const { faults } = await start(context, { max_texts: 3 });
    assert.deepEqual(await faults(body), expected);
  });
}

test('a route may take lists alone, or one text alone', async (context) => {
  const lists = await start(context, { shape: 'list' });
  assert.deepEqual(await lists.faults({ text: 'a' }), [
    '/text must be a list of strings, and it is a string',
  ]);
  const texts = await start(context, { shape: 'one' });
  assert.deepEqual(await texts.faults({ text: ['a'] }), [
    '/text must be a string, and it is an array',
  ]);
});
