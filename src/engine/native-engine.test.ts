import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { ServiceError } from '../errors/service-error.js';
import { StartError } from '../start-error.js';
import { fakeEngine } from '../testing/fake-engine.js';
import type { EngineConfig, EngineStats, Failure, LoadOutcome, Reply } from './addon.js';
import { loadNativeEngine } from './native-engine.js';
import { locateOrtLibrary } from './ort-library.js';

const config: EngineConfig = {
  models: [],
  ortLibrary: '',
  device: 'auto',
  deviceId: 0,
  precision: 'exact',
  lanes: 0,
  maxBatchTokens: 0,
  queueCapacity: 1,
};

const loaded: LoadOutcome = {
  type: 'done',
  models: fakeEngine().models.map((model) => ({ ...model, labels: [...model.labels] })),
  ortVersion: '1.30.0',
  maxBatchTokens: 256,
};

/** A request as it crosses the bridge. */
type Submitted = readonly [ticket: number, texts: string[], models: number[], top: number];

interface Played {
  /** Given a request and where its reply goes: why the request is refused, or null. */
  readonly submit: (
    request: Submitted,
    reply: (reply: Omit<Reply, 'ticket'>) => void,
  ) => Failure | null;
  readonly cancelled?: number[];
  readonly load?: LoadOutcome;
}

function addon({ submit, cancelled = [], load = loaded }: Played) {
  return {
    NativeEngine: class {
      #replies: (replies: Reply[]) => void = () => undefined;
      load = (_: EngineConfig, replies: (replies: Reply[]) => void) => {
        this.#replies = replies;
        return Promise.resolve(load);
      };
      submit = (...request: [number, string[], number[], number]) =>
        submit(request, (reply) => {
          this.#replies([{ ticket: request[0], ...reply }]);
        });
      cancel = (ticket: number) => cancelled.push(ticket);
      close = () => Promise.resolve({ type: 'done' as const });
      stats(): EngineStats {
        const { models, ...stats } = fakeEngine().stats();
        const counts = [{ reason: 'drained', count: 7 }];
        const native = models.map((model) => ({ ...model, batchesClosed: counts, errors: [] }));
        // Equal but for `readonly`, which does not cross the bridge.
        return { ...stats, models: native } as unknown as EngineStats;
      }
    },
  };
}

const request = { texts: ['a'], models: ['svalabs', 'cardiffnlp'], top: Infinity };

const neverAsked: Played = { submit: () => assert.fail('was asked') };

test('names cross as indices, all labels as top 0, and classes come back as labels', async () => {
  const seen: Submitted[] = [];
  const engine = await loadNativeEngine(
    config,
    addon({
      submit: (request, reply) => {
        seen.push(request);
        const outputs = [
          [0, 0.5],
          [0, 0.25],
        ];
        reply({ answers: [{ outputs, truncatedBy: [2] }], timing: [1, 2, 3] });
        return null;
      },
    }),
  );
  const answer = await engine.infer(request).answer;
  assert.deepEqual(seen, [[1, ['a'], [2, 0], 0]]);
  assert.deepEqual(answer, {
    texts: [
      {
        outputs: [
          { type: 'classification', scores: [{ label: 'HAM', score: 0.5 }] },
          { type: 'classification', scores: [{ label: 'POSITIVE', score: 0.25 }] },
        ],
        truncatedBy: ['svalabs'],
      },
    ],
    timing: { tokenization: 1, queue: 2, inference: 3 },
  });
});

test('every request gets its own reply, in whatever order they come', async () => {
  const replies: (() => void)[] = [];
  const engine = await loadNativeEngine(
    config,
    addon({
      submit: ([ticket], reply) => {
        const outputs = [[0, ticket / 10]];
        replies.push(() => {
          reply({ answers: [{ outputs, truncatedBy: [] }], timing: [] });
        });
        return null;
      },
    }),
  );
  const requests = ['a', 'b', 'c'].map((text) =>
    engine.infer({ texts: [text], models: ['svalabs'], top: 1 }),
  );
  for (const reply of replies.reverse()) reply();
  const scores = (await Promise.all(requests.map(({ answer }) => answer))).map(({ texts }) => {
    const output = texts[0]?.outputs[0];
    return output?.type === 'classification' ? output.scores[0]?.score : undefined;
  });
  assert.deepEqual(scores, [0.1, 0.2, 0.3]);
});

for (const [code, expected] of [
  ['queue_full', 'queue_full'],
  ['inference_failed', 'inference_failed'],
  ['surprise', 'internal'],
] as const) {
  for (const when of ['at once', 'later'] as const) {
    test(`the failure ${code}, told ${when}, becomes ${expected}`, async () => {
      const failure = { code, message: 'why' };
      const engine = await loadNativeEngine(
        config,
        addon({
          submit: (_, reply) => {
            if (when === 'at once') return failure;
            reply({ answers: [], timing: [], failure });
            return null;
          },
        }),
      );
      await assert.rejects(
        engine.infer(request).answer,
        (error) => error instanceof ServiceError && error.code === expected,
      );
    });
  }
}

test('cancelling cancels the ticket and rejects with the reason that was given', async () => {
  const cancelled: number[] = [];
  let settle: (reply: Omit<Reply, 'ticket'>) => void = () => undefined;
  const engine = await loadNativeEngine(
    config,
    addon({
      submit: (_, reply) => {
        settle = reply;
        return null;
      },
      cancelled,
    }),
  );
  const { answer, cancel } = engine.infer(request);
  cancel(new ServiceError('deadline_exceeded', 'Too long.'));
  assert.deepEqual(cancelled, [1]);
  settle({ answers: [], timing: [], failure: { code: 'cancelled', message: '' } });
  await assert.rejects(answer, (error) => (error as ServiceError).code === 'deadline_exceeded');
});

test('cancelling what was answered already changes nothing', async () => {
  const engine = await loadNativeEngine(
    config,
    addon({
      submit: (_, reply) => {
        reply({ answers: [], timing: [1, 2, 3] });
        return null;
      },
    }),
  );
  const { answer, cancel } = engine.infer(request);
  cancel(new ServiceError('cancelled', 'Too late.'));
  assert.deepEqual((await answer).timing, { tokenization: 1, queue: 2, inference: 3 });
});

test('counts by reason become records', async () => {
  const engine = await loadNativeEngine(config, addon(neverAsked));
  assert.deepEqual(engine.stats().models[0]?.batchesClosed, { drained: 7 });
});

test('what cannot be loaded is a line for the user', async () => {
  const failed = { type: 'failed', code: 'load_failed', message: 'vocab.txt is empty' } as const;
  const broken = addon({ ...neverAsked, load: failed });
  await assert.rejects(loadNativeEngine(config, broken), new StartError(['vocab.txt is empty']));
});

test('the library comes from the npm package unless another one is named', () => {
  assert.ok(existsSync(locateOrtLibrary('')));
  assert.throws(
    () => locateOrtLibrary('/nowhere.so'),
    /\/nowhere\.so; name one with --ort-library/,
  );
});
