import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Engine, InferRequest, ModelOutput } from '../engine/engine.js';
import { ServiceError } from '../errors/service-error.js';
import type { Golden } from '../profile/schema.js';
import { fakeBest, fakeEngine } from '../testing/fake-engine.js';
import type { Findings } from './findings.js';
import { outputs } from './outputs.js';
import { selfTest } from './self-test.js';

const TEXTS = ['', 'a', 'b'];

async function tested(
  engine: Engine,
  texts: readonly string[],
  golden: readonly Golden[] = [],
): Promise<Findings> {
  const findings: Findings = { faults: [], notes: [] };
  await selfTest(engine, { models: engine.models, texts, golden }, findings);
  return findings;
}

async function faultsOf(...asked: Parameters<typeof tested>): Promise<string[]> {
  return (await tested(...asked)).faults;
}

/** The fake engine with the outputs of each request changed. */
function engineThat(changes: (output: ModelOutput, request: InferRequest) => ModelOutput): Engine {
  const engine = fakeEngine();
  const infer = engine.infer.bind(engine);
  engine.infer = (request) => {
    const { answer, cancel } = infer(request);
    const changed = answer.then(({ texts, ...rest }) => ({
      ...rest,
      texts: texts.map(({ outputs, truncatedBy }) => ({
        truncatedBy,
        outputs: outputs.map((output) => changes(output, request)),
      })),
    }));
    return { answer: changed, cancel };
  };
  return engine;
}

function withScores(output: ModelOutput, change: (score: number) => number): ModelOutput {
  return output.type === 'classification'
    ? { ...output, scores: output.scores.map(change) }
    : output;
}

test('a sound engine has no faults', async () => {
  const golden = [{ text: 'a', labels: { svalabs: fakeBest('svalabs', 'a').label } }];
  assert.deepEqual(await faultsOf(fakeEngine(), TEXTS, golden), []);
});

test('scores that depend on the neighbours are a fault of each text and model', async () => {
  const engine = engineThat((output, { texts }) =>
    withScores(output, (score) => score + texts.length * 1e-5),
  );
  const faults = await faultsOf(engine, TEXTS);
  assert.equal(faults.length, 3 * 3);
  assert.match(faults[0] ?? '', /^cardiffnlp: text 1 differs by [\d.e-]+ alone and in a batch$/);
});

test('a score that is not a number is a fault', async () => {
  const engine = engineThat((output) => withScores(output, () => Number.NaN));
  assert.equal((await faultsOf(engine, ['a'])).length, 3);
});

test('a label without a score is a fault', async () => {
  const engine = engineThat((output) =>
    output.type === 'classification' ? { ...output, scores: output.scores.slice(1) } : output,
  );
  const faults = await faultsOf(engine, ['a']);
  assert.equal(faults[0], 'cardiffnlp: text 1 has 2 scores for 3 labels');
});

/** A fake engine of encoders, whose vectors have `length` and are changed as `change` says. */
function encoders(
  length: number,
  change: (value: number, request: InferRequest) => number = (value) => value,
): Engine {
  return engineThat((output, request) => {
    const values = output.type === 'classification' ? [...output.scores] : [];
    const vector = values.map((value) => change(value * length, request));
    return { type: 'embedding', vector: Float32Array.from(vector) };
  });
}

test('an encoder has no faults, however long its vectors are and their rounding errors with them', async () => {
  const rounded = (value: number, { texts }: InferRequest) => value * (1 + texts.length * 1e-7);
  for (const length of [1e-3, 1, 100]) {
    assert.deepEqual(await faultsOf(encoders(length, rounded), TEXTS), []);
  }
});

for (const [what, change] of [
  ['drift with their neighbours', (value, { texts }) => value * (1 + texts.length * 1e-4)],
  ['are not numbers', () => Number.NaN],
  ['are not finite', () => Number.POSITIVE_INFINITY],
  ['have no direction', () => 0],
] as [string, (value: number, request: InferRequest) => number][]) {
  test(`vectors that ${what} are a fault of each text and model`, async () => {
    for (const length of [1e-3, 1, 100]) {
      const faults = await faultsOf(encoders(length, change), TEXTS);
      assert.equal(faults.length, 3 * 3, faults.join('\n'));
    }
  });
}

/** The fake engine that refuses requests for which there is a reason. */
function failing(reason: (request: InferRequest) => ServiceError | undefined): Engine {
  const engine = fakeEngine();
  const infer = engine.infer.bind(engine);
  engine.infer = (request) => {
    const error = reason(request);
    if (error === undefined) return infer(request);
    return { answer: Promise.reject(error), cancel: () => undefined };
  };
  return engine;
}

const failed = new ServiceError('inference_failed', 'model m failed: it panicked');

test('an inference that fails is a fault, and the others are asked all the same', async () => {
  const engine = failing(({ texts }) =>
    texts.some(({ text }) => text === 'a') ? failed : undefined,
  );
  const golden = [
    { text: 'a', labels: {} },
    { text: 'b', labels: { svalabs: 'EGGS' } },
  ];
  const faults = await faultsOf(engine, TEXTS, golden);
  assert.deepEqual(faults.slice(0, 2), [
    'text 2: model m failed: it panicked',
    'golden text 1: model m failed: it panicked',
  ]);
  assert.match(faults[2] ?? '', /^svalabs: golden text 2 is /);
  const batches = failing(({ texts }) => (texts.length > 1 ? failed : undefined));
  assert.deepEqual(await faultsOf(batches, TEXTS), [
    'texts in a batch: model m failed: it panicked',
  ]);
});

test('a text that a model cannot read is worth a note, and no fault', async () => {
  const unreadable = new ServiceError('unreadable_text', 'model m cannot read the text');
  const engine = failing(({ texts }) =>
    texts.some(({ text }) => text === '') ? unreadable : undefined,
  );
  assert.deepEqual(await tested(engine, TEXTS), {
    faults: [],
    notes: ['text 1: model m cannot read the text'],
  });
  const answers = await outputs(engine, ['a', '', 'b']);
  assert.deepEqual(
    answers.map((models) => models.length),
    [3, 0, 3],
  );
});

test('a golden text that gets another label is a fault, and says nothing of the text', async () => {
  const golden = [{ text: 'secret', labels: { svalabs: 'EGGS' } }];
  const [fault] = await faultsOf(fakeEngine(), [], golden);
  const { label } = fakeBest('svalabs', 'secret');
  assert.equal(fault, `svalabs: golden text 1 is ${label}, expected EGGS`);
});

test('many texts are asked a part at a time and come back in order', async () => {
  const engine = fakeEngine();
  const texts = Array.from({ length: 70 }, (_, index) => String(index));
  const answers = await outputs(engine, texts);
  assert.deepEqual(engine.seen, texts);
  assert.deepEqual(
    engine.requests.map(({ texts }) => texts.length),
    [32, 32, 6],
  );
  assert.deepEqual(answers[69], (await outputs(engine, ['69']))[0]);
});

test('no more texts are asked at a time than the queue holds', async () => {
  const texts = ['a', 'b', 'c', 'd', 'e'];
  for (const [queueCapacity, sizes] of [
    [1, [1, 1, 1, 1, 1]],
    [2, [2, 2, 1]],
  ] as const) {
    const engine = fakeEngine({ queueCapacity });
    assert.deepEqual(await outputs(engine, texts), await outputs(fakeEngine(), texts));
    assert.deepEqual(
      engine.requests.map(({ texts }) => texts.length),
      sizes,
    );
    assert.deepEqual(await faultsOf(engine, texts), []);
  }
});

test('models that are loaded when they are asked for are asked each by itself', async () => {
  const engine = fakeEngine();
  const asked: (readonly string[])[] = [];
  const infer = engine.infer.bind(engine);
  engine.infer = (request) => {
    asked.push(...request.texts.map(({ models }) => models));
    return infer(request);
  };
  const models = engine.models.map((model) =>
    model.name === 'ivanlau' ? ({ ...model, load: 'lazy' } as const) : model,
  );
  const findings: Findings = { faults: [], notes: [] };
  await selfTest(engine, { models, texts: TEXTS, golden: [] }, findings);
  assert.deepEqual(findings.faults, []);
  const groups = new Set(asked.map((names) => names.join()));
  assert.deepEqual([...groups], ['cardiffnlp,svalabs', 'ivanlau']);
  // In the order of the models, whoever was asked with whom.
  Object.assign(engine, { models });
  const [text = []] = await outputs(engine, ['a']);
  assert.deepEqual(
    text.map((output) => output.type === 'classification' && output.labels.length),
    [3, 4, 2],
  );
});
