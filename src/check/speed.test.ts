import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import type { EngineStats } from '../engine/engine.js';
import { fakeEngine, type FakeEngine } from '../testing/fake-engine.js';
import { tokensPerSecond } from './speed.js';

const TOKENS_PER_TEXT = 10;

/** A fake engine that counts the tokens of what it is asked, while a request takes `seconds` of the clock. */
function timed(context: TestContext, seconds: number, queueCapacity: number): FakeEngine {
  const engine = fakeEngine({ queueCapacity });
  const stats = engine.stats.bind(engine);
  engine.stats = (): EngineStats => ({
    ...stats(),
    models: stats().models.map((model) => ({
      ...model,
      batchTokens: TOKENS_PER_TEXT * textsOf(engine, model.name),
    })),
  });
  context.mock.method(performance, 'now', () => 1000 * seconds * engine.requests.length);
  return engine;
}

function textsOf({ requests }: FakeEngine, model: string): number {
  return requests.flatMap(({ texts }) => texts.filter(({ models }) => models.includes(model)))
    .length;
}

test('each model is measured alone, for a second, by texts that differ', async (context) => {
  const engine = timed(context, 0.25, 1024);
  const speeds = await tokensPerSecond(engine, ['one', 'two']);
  // Four requests of 64 texts fill the second; the one before them only warms up.
  const expected = (4 * 64 * TOKENS_PER_TEXT) / 1;
  assert.deepEqual(
    [...speeds],
    engine.models.map(({ name }) => [name, expected]),
  );
  for (const { texts } of engine.requests) {
    assert.equal(new Set(texts.map(({ text }) => text)).size, texts.length);
    assert.equal(new Set(texts.flatMap(({ models }) => models)).size, 1);
  }
});

test('no more texts are asked at a time than the queue holds, were it one', async (context) => {
  for (const queueCapacity of [1, 16]) {
    const engine = timed(context, 0.5, queueCapacity);
    const speeds = await tokensPerSecond(engine, ['one']);
    assert.equal(speeds.get('svalabs'), 2 * queueCapacity * TOKENS_PER_TEXT);
    context.mock.restoreAll();
  }
});
