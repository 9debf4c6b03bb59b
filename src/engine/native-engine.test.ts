import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { ServiceError } from '../errors/service-error.js';
import { StartError } from '../start-error.js';
import { fakeEngine } from '../testing/fake-engine.js';
import type {
  EngineConfig,
  EngineStats,
  InferOutcome,
  InferRequest,
  LoadOutcome,
} from './addon.js';
import { loadNativeEngine } from './native-engine.js';
import { locateOrtLibrary } from './ort-library.js';

const config: EngineConfig = {
  models: [],
  ortLibrary: '',
  device: 'auto',
  deviceId: 0,
  cudaGraphs: false,
  precision: 'exact',
  kernels: 'chorus',
  lanes: 0,
  maxBatchTokens: 0,
  queueCapacity: 1,
};

const loaded: LoadOutcome = {
  type: 'done',
  models: fakeEngine().models.map((model) => ({ ...model, labels: [...model.labels] })),
  ortVersion: '1.30.0',
};

function addon(
  infer: (request: InferRequest) => Promise<InferOutcome>,
  cancelled: number[] = [],
  load: LoadOutcome = loaded,
) {
  return {
    NativeEngine: class {
      load = () => Promise.resolve(load);
      infer = infer;
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

const idle = new AbortController().signal;
const request = { texts: ['a'], models: ['svalabs', 'cardiffnlp'], top: Infinity };

test('names cross as indices, and all labels as top 0', async () => {
  const seen: InferRequest[] = [];
  const engine = await loadNativeEngine(
    config,
    addon((native) => {
      seen.push(native);
      return Promise.resolve({ type: 'done', answers: [{ outputs: [], truncatedBy: [2] }] });
    }),
  );
  const answers = await engine.infer(request, idle);
  assert.deepEqual(seen, [{ ticket: 1, texts: ['a'], models: [2, 0], top: 0 }]);
  assert.deepEqual(answers, [{ outputs: [], truncatedBy: ['svalabs'] }]);
});

for (const [code, expected] of [
  ['queue_full', 'queue_full'],
  ['inference_failed', 'inference_failed'],
  ['surprise', 'internal'],
] as const) {
  test(`the failure ${code} becomes ${expected}`, async () => {
    const failed = { type: 'failed', code, message: 'why' } as const;
    const engine = await loadNativeEngine(
      config,
      addon(() => Promise.resolve(failed)),
    );
    await assert.rejects(
      engine.infer(request, idle),
      (error) => error instanceof ServiceError && error.code === expected,
    );
  });
}

test('aborting cancels the ticket and rejects with the reason of the signal', async () => {
  const cancelled: number[] = [];
  let settle: (outcome: InferOutcome) => void = () => undefined;
  const engine = await loadNativeEngine(
    config,
    addon(() => new Promise((resolve) => (settle = resolve)), cancelled),
  );
  const controller = new AbortController();
  const answer = engine.infer(request, controller.signal);
  controller.abort(new ServiceError('deadline_exceeded', 'Too long.'));
  assert.deepEqual(cancelled, [1]);
  settle({ type: 'failed', code: 'cancelled', message: '' });
  await assert.rejects(answer, (error) => (error as ServiceError).code === 'deadline_exceeded');
});

test('work that is not wanted any more never starts', async () => {
  const engine = await loadNativeEngine(
    config,
    addon(() => assert.fail('was asked')),
  );
  await assert.rejects(engine.infer(request, AbortSignal.abort()));
});

test('counts by reason become records', async () => {
  const engine = await loadNativeEngine(
    config,
    addon(() => assert.fail('was asked')),
  );
  assert.deepEqual(engine.stats().models[0]?.batchesClosed, { drained: 7 });
});

test('what cannot be loaded is a line for the user', async () => {
  const failed = { type: 'failed', code: 'load_failed', message: 'vocab.txt is empty' } as const;
  const broken = addon(() => assert.fail('was asked'), [], failed);
  await assert.rejects(loadNativeEngine(config, broken), new StartError(['vocab.txt is empty']));
});

test('the library comes from the npm package unless another one is named', () => {
  assert.ok(existsSync(locateOrtLibrary('')));
  assert.throws(
    () => locateOrtLibrary('/nowhere.so'),
    /\/nowhere\.so; name one with --ort-library/,
  );
});
