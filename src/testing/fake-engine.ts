/**
 * An engine of a few lines for tests: fixed labels, and hooks to fail, wait and watch.
 */

import type {
  Engine,
  EngineStats,
  Inference,
  ModelStats,
  TextAnswer,
  Timing,
} from '../engine/engine.js';
import type { ServiceError } from '../errors/service-error.js';

const LABELS = new Map([
  ['cardiffnlp', 'POSITIVE'],
  ['ivanlau', 'English'],
  ['svalabs', 'HAM'],
]);

const TIMING: Timing = { tokenization: 0.25, queue: 1.5, inference: 12 };

export interface FakeEngine extends Engine {
  /** Every text that was asked about. */
  readonly seen: string[];
  /** Replaces the answers; may reject or never resolve. */
  answer: (text: string) => Promise<readonly TextAnswer[]>;
  /** Why each request was cancelled that was. */
  readonly cancelled: ServiceError[];
  closed: boolean;
}

export function fakeEngine(overrides: Partial<EngineStats> = {}): FakeEngine {
  const names = [...LABELS.keys()];
  return {
    models: names.map((name) => ({
      name,
      architecture: 'xlm-roberta',
      task: 'classification',
      labels: [LABELS.get(name) ?? ''],
      maxTokens: 512,
      parameters: 1,
      provider: 'cpu',
      precision: 'exact',
    })),
    ortVersion: '1.30.0',
    maxBatchTokens: 256,
    seen: [],
    cancelled: [],
    closed: false,
    answer: (text) => Promise.resolve([answerOf(names, text.length > 100 ? names : [])]),
    infer({ texts: [text = ''] }) {
      this.seen.push(text);
      const { cancelled } = this;
      let cancel: Inference['cancel'] = () => undefined;
      const given = new Promise<never>((_resolve, reject) => {
        cancel = (reason) => {
          cancelled.push(reason);
          reject(reason);
        };
      });
      const answered = this.answer(text).then((texts) => ({ texts, timing: TIMING }));
      return { answer: Promise.race([answered, given]), cancel };
    },
    stats: () => ({ ...stats(names), ...overrides }),
    close() {
      this.closed = true;
      return Promise.resolve();
    },
  };
}

function answerOf(names: readonly string[], truncatedBy: readonly string[]): TextAnswer {
  return {
    outputs: names.map((name) => ({
      type: 'classification',
      scores: [{ label: LABELS.get(name) ?? '', score: 0.875 }],
    })),
    truncatedBy,
  };
}

const histogram = { upperBounds: [1, 2], counts: [3, 4, 5], sum: 21.5 };

function stats(names: readonly string[]): EngineStats {
  const models = names.map((name): ModelStats => ({
    name,
    textsDone: 12,
    textsFailed: 1,
    textsCancelled: 2,
    queuedTexts: 3,
    queuedTokens: 90,
    batchTokens: 400,
    batchPaddedTokens: 400,
    busySeconds: 1.5,
    batchSize: histogram,
    queueWaitSeconds: histogram,
    inferenceSeconds: histogram,
    batchesClosed: { drained: 7 },
    errors: { panic: 1 },
  }));
  return {
    models,
    lanes: 2,
    laneRestarts: 0,
    panics: 0,
    pendingTexts: 0,
    queueCapacity: 1024,
    tokenizationSeconds: histogram,
    inputTokens: histogram,
    truncatedTexts: 5,
    secondsSinceProgress: 0,
  };
}
