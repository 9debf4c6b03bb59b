import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Engine, InferRequest, ModelOutput } from '../engine/engine.js';
import { fakeBest, fakeEngine } from '../testing/fake-engine.js';
import { outputs } from './outputs.js';
import { selfTest } from './self-test.js';

const TEXTS = ['', 'a', 'b'];

/** The fake engine with the outputs of each request changed. */
function engineThat(changes: (output: ModelOutput, request: InferRequest) => ModelOutput): Engine {
  const engine = fakeEngine();
  const infer = engine.infer.bind(engine);
  engine.infer = (request) => {
    const { answer, cancel } = infer(request);
    const changed = answer.then(({ texts, timing }) => ({
      timing,
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
  assert.deepEqual(await selfTest(fakeEngine(), TEXTS, golden), []);
});

test('scores that depend on the neighbours are a fault of each text and model', async () => {
  const engine = engineThat((output, { texts }) =>
    withScores(output, (score) => score + texts.length * 1e-5),
  );
  const faults = await selfTest(engine, TEXTS, []);
  assert.equal(faults.length, 3 * 3);
  assert.match(faults[0] ?? '', /^cardiffnlp: text 1 differs by [\d.e-]+ alone and in a batch$/);
});

test('a score that is not a number is a fault', async () => {
  const engine = engineThat((output) => withScores(output, () => Number.NaN));
  assert.equal((await selfTest(engine, ['a'], [])).length, 3);
});

test('a label without a score is a fault', async () => {
  const engine = engineThat((output) =>
    output.type === 'classification' ? { ...output, scores: output.scores.slice(1) } : output,
  );
  const faults = await selfTest(engine, ['a'], []);
  assert.equal(faults[0], 'cardiffnlp: text 1 has 2 scores for 3 labels');
});

test('a golden text that gets another label is a fault, and says nothing of the text', async () => {
  const golden = [{ text: 'secret', labels: { svalabs: 'EGGS' } }];
  const [fault] = await selfTest(fakeEngine(), [], golden);
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
    assert.deepEqual(await selfTest(engine, texts, []), []);
  }
});
