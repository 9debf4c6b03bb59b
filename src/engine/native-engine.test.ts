import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { loadSettings } from '../config/load.js';
import { engineSettingsOf } from '../config/settings.js';
import { ServiceError } from '../errors/service-error.js';
import { StartError } from '../start-error.js';
import { fakeEngine } from '../testing/fake-engine.js';
import type { EngineConfig, EngineStats, Failure, LoadOutcome, Reply, Request } from './addon.js';
import type { Engine, InferRequest } from './engine.js';
import { loadNativeEngine } from './native-engine.js';
import { LoadFailure } from './native-models.js';
import { locateOrtLibrary } from './ort-library.js';

const config = { ...engineSettingsOf(loadSettings([], {}).settings), maxWait: 0, models: [] };

const models = fakeEngine().models.map((model) => ({ ...model, prompts: [], defaultPrompt: '' }));
/** Classifiers of three, four and two labels, and an encoder of two components. */
const loaded: LoadOutcome = {
  type: 'done',
  models: [
    ...models.map((model) => ({ ...model, labels: [...model.labels], width: model.labels.length })),
    { ...(models[0] ?? assert.fail()), name: 'encoder', task: 'embedding', labels: [], width: 2 },
  ],
  ortVersion: '1.30.0',
  maxBatchTokens: 256,
};

interface Played {
  /** Given a request and where its reply goes: why the request is refused, or null. */
  readonly submit: (request: Request, reply: (reply: Partial<Reply>) => void) => Failure | null;
  /** Given the ticket. */
  readonly cancel?: (ticket: number) => void;
  readonly load?: LoadOutcome;
}

function played({ submit, cancel = () => undefined, load = loaded }: Played): Promise<Engine> {
  const addon = {
    NativeEngine: class {
      #replies: (replies: Reply[]) => void = () => undefined;
      load = (_: EngineConfig, replies: (replies: Reply[]) => void) => {
        this.#replies = replies;
        return Promise.resolve(load);
      };
      submit = (request: Request) =>
        submit(request, (reply) => {
          this.#replies([{ ...EMPTY, ticket: request.ticket, ...reply }]);
        });
      cancel = cancel;
      refusal = () => null;
      close = () => Promise.resolve();
      stats(): EngineStats {
        const { models, ...stats } = fakeEngine().stats();
        const counts = [{ reason: 'drained', count: 7 }];
        const native = models.map((model) => ({ ...model, batchesClosed: counts, errors: [] }));
        // Equal but for `readonly`, which does not cross the bridge.
        return { ...stats, models: native } as unknown as EngineStats;
      }
    },
  };
  return loadNativeEngine(config, undefined, addon);
}

const EMPTY = {
  numbers: new Float32Array(),
  truncated: [],
  begun: 1,
  tokenizationMs: 0,
  queueMs: 0,
  inferenceMs: 0,
};

/** About `texts`, each asked of the same models. */
function about(texts: readonly string[], ...models: readonly string[]): InferRequest {
  return {
    texts: texts.map((text) => ({ text, models })),
    deadlineMs: 30_000,
    priority: 'interactive',
    fresh: false,
  };
}

const request = about(['a'], 'svalabs');

const neverAsked: Played = { submit: () => assert.fail('was asked') };

test('names cross as indices, and numbers come back by text, model and class', async () => {
  const seen: Request[] = [];
  const engine = await played({
    submit: (request, reply) => {
      seen.push(request);
      const numbers = Float32Array.of(0.5, 0.25, 1, 2, 3, 0.75, 0.125, 4, 5, 6);
      const timing = { tokenizationMs: 1, queueMs: 2, inferenceMs: 3 };
      reply({ numbers, truncated: [1, 2], ...timing });
      return null;
    },
  });
  const answer = await engine.infer(about(['a', 'b'], 'svalabs', 'cardiffnlp')).answer;
  assert.deepEqual(seen, [
    {
      ticket: 1,
      texts: ['a', 'b'],
      models: [2, 0],
      counts: [],
      deadlineMs: 30_000,
      priority: 'interactive',
    },
  ]);
  const scores = (labels: readonly string[], ...numbers: number[]) => ({
    type: 'classification',
    labels,
    scores: Float32Array.from(numbers),
  });
  const spam = ['HAM', 'SPAM'];
  const mood = ['NEGATIVE', 'NEUTRAL', 'POSITIVE'];
  assert.deepEqual(answer, {
    texts: [
      { outputs: [scores(spam, 0.5, 0.25), scores(mood, 1, 2, 3)], truncatedBy: [] },
      { outputs: [scores(spam, 0.75, 0.125), scores(mood, 4, 5, 6)], truncatedBy: ['svalabs'] },
    ],
    begun: 1,
    timing: { tokenization: 1, queue: 2, inference: 3 },
  });
});

test('texts that ask different models say how many each, and an encoder gives its vector', async () => {
  const seen: Request[] = [];
  const engine = await played({
    submit: (request, reply) => {
      seen.push(request);
      reply({ numbers: Float32Array.of(0.5, 0.25, 7, 8, 9, 10) });
      return null;
    },
  });
  const texts = [
    { text: 'a', models: ['svalabs', 'encoder'] },
    { text: 'b', models: ['encoder'] },
  ];
  const { answer } = engine.infer({ texts, deadlineMs: 0, priority: 'batch', fresh: false });
  const [, second] = (await answer).texts;
  assert.deepEqual(second?.outputs, [{ type: 'embedding', vector: Float32Array.of(9, 10) }]);
  assert.deepEqual(
    [seen[0]?.models, seen[0]?.counts],
    [
      [2, 3, 3],
      [2, 1],
    ],
  );
});

test('a reply with another count of numbers is a fault of ours', async () => {
  const engine = await played({
    submit: (_, reply) => {
      reply({ numbers: Float32Array.of(0.5, 0.25, 0.125) });
      return null;
    },
  });
  await assert.rejects(engine.infer(request).answer, /another count of numbers/);
});

test('every request gets its own reply, in whatever order they come', async () => {
  const replies: (() => void)[] = [];
  const engine = await played({
    submit: ({ ticket }, reply) => {
      replies.push(() => {
        reply({ numbers: Float32Array.of(ticket / 8, 0) });
      });
      return null;
    },
  });
  const requests = ['a', 'b', 'c'].map((text) => engine.infer(about([text], 'svalabs')));
  for (const reply of replies.reverse()) reply();
  const answers = await Promise.all(requests.map(({ answer }) => answer));
  const scores = answers.map(({ texts }) => {
    const output = texts[0]?.outputs[0];
    return output?.type === 'classification' ? output.scores[0] : undefined;
  });
  assert.deepEqual(scores, [0.125, 0.25, 0.375]);
});

for (const [code, expected] of [
  ['model_unavailable', 'model_unavailable'],
  ['queue_full', 'queue_full'],
  ['queue_wait', 'queue_wait'],
  ['too_many_texts', 'too_many_texts'],
  ['unreadable_text', 'unreadable_text'],
  ['deadline_exceeded', 'deadline_exceeded'],
  ['inference_failed', 'inference_failed'],
  ['surprise', 'internal'],
] as const) {
  for (const when of ['at once', 'later'] as const) {
    test(`the failure ${code}, told ${when}, becomes ${expected}`, async () => {
      const failure = { code, message: 'why', retryAfterMs: 0 };
      const engine = await played({
        submit: (_, reply) => {
          if (when === 'at once') return failure;
          reply({ failure });
          return null;
        },
      });
      await assert.rejects(
        engine.infer(request).answer,
        (error) => error instanceof ServiceError && error.code === expected,
      );
    });
  }
}

const tooLong = new ServiceError('deadline_exceeded', 'Too long.');

test('cancelling takes the ticket back and rejects with the reason, if a reply comes or not', async () => {
  for (const late of [
    undefined,
    { failure: { code: 'cancelled', message: '', retryAfterMs: 0 } },
    { numbers: Float32Array.of(1, 0) },
  ]) {
    const cancelled: number[] = [];
    let settle: (reply: Partial<Reply>) => void = () => undefined;
    const engine = await played({
      submit: (_, reply) => {
        settle = reply;
        return null;
      },
      cancel: (ticket) => cancelled.push(ticket),
    });
    const { answer, cancel } = engine.infer(request);
    cancel(tooLong);
    cancel(new ServiceError('cancelled', 'Again.'));
    if (late !== undefined) settle(late);
    await assert.rejects(answer, tooLong);
    assert.deepEqual(cancelled, [1]);
  }
});

test('an engine that cannot take a ticket back keeps nobody waiting', async () => {
  const engine = await played({
    submit: () => null,
    cancel: () => assert.fail('the engine panicked'),
  });
  const { answer, cancel } = engine.infer(request);
  cancel(tooLong);
  await assert.rejects(answer, tooLong);
});

test('a request that the addon does not take at all is a fault of ours', async () => {
  const engine = await played({ submit: () => assert.fail('deadlineMs: found -1') });
  assert.throws(() => engine.infer({ ...request, deadlineMs: -1 }), /deadlineMs: found -1/);
});

test('a request without texts is answered without asking', async () => {
  const engine = await played(neverAsked);
  const { answer, cancel } = engine.infer(about([], 'svalabs'));
  cancel(tooLong);
  assert.deepEqual((await answer).texts, []);
});

test('cancelling what was answered already changes nothing', async () => {
  const engine = await played({
    submit: (_, reply) => {
      reply({ numbers: Float32Array.of(1, 0), queueMs: 2 });
      return null;
    },
  });
  const { answer, cancel } = engine.infer(request);
  cancel(new ServiceError('cancelled', 'Too late.'));
  assert.equal((await answer).timing.queue, 2);
});

test('counts by reason become records', async () => {
  const engine = await played(neverAsked);
  assert.deepEqual(engine.stats().models[0]?.batchesClosed, { drained: 7 });
});

test('what cannot be loaded is a line for the user, and names the entry to blame', async () => {
  const failed = { type: 'failed', code: 'load_failed', message: 'vocab.txt is empty' } as const;
  await assert.rejects(played({ ...neverAsked, load: failed }), (error) => {
    assert.ok(error instanceof StartError);
    assert.deepEqual(error.lines, ['vocab.txt is empty']);
    return true;
  });
  const blamed = { ...failed, model: 'svalabs', field: 'max_tokens' };
  await assert.rejects(played({ ...neverAsked, load: blamed }), (error) => {
    assert.ok(error instanceof LoadFailure);
    assert.deepEqual([error.model, error.field], ['svalabs', 'max_tokens']);
    return true;
  });
});

test('the library comes from the npm package unless another one is named', () => {
  assert.ok(existsSync(locateOrtLibrary('')));
  assert.throws(
    () => locateOrtLibrary('/nowhere.so'),
    /\/nowhere\.so; name one with --ort-library/,
  );
});
