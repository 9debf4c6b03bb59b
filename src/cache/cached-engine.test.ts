import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Answer, InferRequest, Inference } from '../engine/engine.js';
import { ServiceError } from '../errors/service-error.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { CachedEngine } from './cached-engine.js';
import { MemoryTier } from './memory-tier.js';

const ALL = ['cardiffnlp', 'ivanlau', 'svalabs'];

function world() {
  const engine = fakeEngine();
  const cached = new CachedEngine(engine, { memory: new MemoryTier(1 << 20), redis: undefined });
  const begin = (texts: readonly (readonly [string, readonly string[]])[], fresh = false) =>
    cached.infer({
      texts: texts.map(([text, models]) => ({ text, models })),
      deadlineMs: 1000,
      priority: 'interactive',
      fresh,
    });
  const ask = async (texts: readonly string[], models: readonly string[] = ALL, fresh = false) =>
    begin(
      texts.map((text) => [text, models] as const),
      fresh,
    ).answer;
  const asked = () =>
    engine.requests.map(({ texts }) => texts.map(({ text, models }) => [text, ...models]));
  return { engine, cached, begin, ask, asked };
}

/** What an answer says, without where it came from. */
function said({ texts }: Answer): Answer['texts'] {
  return texts;
}

test('what was answered before is answered again, and the engine is not asked', async () => {
  const { ask, asked, cached } = world();
  const first = await ask(['a', 'b']);
  const second = await ask(['b', 'a', 'b']);
  assert.equal(first.cache?.outcome, 'miss');
  assert.equal(second.cache?.outcome, 'hit');
  assert.deepEqual(second.texts, [first.texts[1], first.texts[0], first.texts[1]]);
  assert.equal(asked().length, 1);
  assert.deepEqual(cached.stats().cache?.outcomes, { hit: 1, miss: 1, partial: 0, coalesced: 0 });
});

test('only missing texts and models are asked for, and the answer is in its order', async () => {
  const { ask, asked, begin } = world();
  await ask(['a'], ['svalabs']);
  await ask(['b']);
  const answer = await begin([
    ['c', ['ivanlau']],
    ['a', ['ivanlau', 'svalabs', 'cardiffnlp']],
    ['b', ALL],
    ['a', ['svalabs']],
  ]).answer;
  assert.deepEqual(asked()[2], [
    ['c', 'ivanlau'],
    ['a', 'ivanlau', 'cardiffnlp'],
  ]);
  assert.equal(answer.cache?.outcome, 'partial');
  const plain = fakeEngine();
  const expected = await plain.infer({
    texts: [
      { text: 'c', models: ['ivanlau'] },
      { text: 'a', models: ['ivanlau', 'svalabs', 'cardiffnlp'] },
      { text: 'b', models: ALL },
      { text: 'a', models: ['svalabs'] },
    ],
    deadlineMs: 0,
    priority: 'batch',
    fresh: true,
  }).answer;
  assert.deepEqual(said(answer), said(expected));
});

test('who asks for what is on its way for others is coalesced with them', async () => {
  const { engine, cached } = world();
  const original = engine.infer.bind(engine);
  engine.infer = (request: InferRequest): Inference => {
    const { answer, cancel } = original(request);
    return { answer: answer.then((given) => ({ ...given, begun: 0 })), cancel };
  };
  const texts = [{ text: 'a', models: ALL }];
  const { answer } = cached.infer({ texts, deadlineMs: 0, priority: 'interactive', fresh: false });
  assert.equal((await answer).cache?.outcome, 'coalesced');
});

test('a fresh answer is asked for, and kept', async () => {
  const { ask, asked } = world();
  await ask(['a']);
  const fresh = await ask(['a'], ALL, true);
  assert.equal(fresh.cache?.outcome, 'miss');
  assert.equal(asked().length, 2);
  assert.equal((await ask(['a'])).cache?.outcome, 'hit');
});

test('that a text was cut is kept with its answer', async () => {
  const { ask } = world();
  const long = 'x'.repeat(200);
  await ask([long], ['ivanlau']);
  const both = await ask([long, 'short'], ['ivanlau', 'svalabs']);
  assert.deepEqual(
    both.texts.map(({ truncatedBy }) => truncatedBy),
    [['ivanlau', 'svalabs'], []],
  );
});

test('nothing is kept of a request that fails, and whoever gives up is told why', async () => {
  const { ask, begin, engine } = world();
  const hold = engine.hold();
  const { answer, cancel } = begin([['a', ALL]]);
  const reason = new ServiceError('cancelled', 'gone');
  cancel(reason);
  await assert.rejects(answer, reason);
  assert.deepEqual(engine.cancelled, [reason]);
  hold.release();
  engine.fail(new ServiceError('queue_full', 'Full.'));
  await assert.rejects(ask(['a']), { code: 'queue_full' });
});

test('a request without texts needs nobody', async () => {
  const { ask, asked } = world();
  assert.deepEqual((await ask([])).texts, []);
  assert.deepEqual(asked(), []);
});

test('kept numbers are not parts of the reply that they came in', async () => {
  const { engine, cached } = world();
  const reply = new Float32Array(1000);
  engine.infer = () => ({
    answer: Promise.resolve({
      texts: [
        {
          outputs: [{ type: 'embedding', vector: reply.subarray(10, 12) }],
          truncatedBy: [],
        },
      ],
      begun: 1,
      timing: { tokenization: 0, queue: 0, inference: 0 },
    }),
    cancel: () => undefined,
  });
  const texts = [{ text: 'a', models: ['svalabs'] }];
  const request = { texts, deadlineMs: 0, priority: 'interactive', fresh: false } as const;
  const { texts: answers } = await cached.infer(request).answer;
  const output = answers[0]?.outputs[0];
  assert.ok(output?.type === 'embedding');
  assert.equal(output.vector.buffer.byteLength, 8);
});
