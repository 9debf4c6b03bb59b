/**
 * An engine of a few lines for tests, which keeps the contract of `Engine`: it answers exactly the models
 * that are asked, in their order, for every text, and no two texts alike; more texts than its queue holds it refuses.
 *
 * Hooks watch it (`requests`, `seen`, `cancelled`), hold its answers back (`hold`) and let it fail (`fail`).
 */

import type {
  Answer,
  ClassScores,
  Engine,
  EngineStats,
  Inference,
  InferRequest,
  ModelInfo,
  ModelStats,
  TextAnswer,
  TextRequest,
} from '../engine/engine.js';
import { best, type LabelScore } from '../engine/scores.js';
import { ServiceError } from '../errors/service-error.js';

/** By model: its labels in class order. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  cardiffnlp: ['NEGATIVE', 'NEUTRAL', 'POSITIVE'],
  ivanlau: ['English', 'German', 'French', 'Japanese'],
  svalabs: ['HAM', 'SPAM'],
};

/** Longer texts are cut by every model. */
const MAX_LENGTH = 100;

const TIMING = { tokenization: 0.25, queue: 1.5, inference: 12 };

export interface FakeEngine extends Engine {
  readonly requests: readonly InferRequest[];
  /** Every text that was asked about, of all requests in order. */
  readonly seen: readonly string[];
  /** Why each request was cancelled that was. */
  readonly cancelled: readonly ServiceError[];
  readonly closed: boolean;
  /** From now on answers wait until they are released. */
  hold(): Hold;
  /** From now on every request ends with `error`. */
  fail(error: Error): void;
}

export interface Hold {
  /** Resolves once as many requests came since; held ones and cancelled ones count. */
  readonly asked: (count?: number) => Promise<void>;
  /** Answers what is held, and from now on everything at once. */
  readonly release: () => void;
}

/** The best label of what `model` answers to `text`. */
export function fakeBest(model: string, text: string): LabelScore {
  return best(scoresOf(model, LABELS[model] ?? [], text));
}

/** An engine with classifiers of the given labels, by name, and with `overrides` among its figures. */
export function fakeEngine(overrides: Partial<EngineStats> = {}, labels = LABELS): FakeEngine {
  return new Fake(overrides, labels);
}

class Fake implements FakeEngine {
  readonly models: readonly ModelInfo[];
  readonly ortVersion = '1.30.0';
  readonly maxBatchTokens = 256;
  readonly requests: InferRequest[] = [];
  readonly cancelled: ServiceError[] = [];
  closed = false;
  #failure: Error | undefined;
  #released = Promise.resolve();
  #onRequest: () => void = () => undefined;

  constructor(
    private readonly overrides: Partial<EngineStats>,
    private readonly labels: Readonly<Record<string, readonly string[]>>,
  ) {
    this.models = Object.entries(labels).map(([name, labels]) => modelInfo(name, labels));
  }

  get seen(): readonly string[] {
    return this.requests.flatMap(({ texts }) => texts.map(({ text }) => text));
  }

  infer(request: InferRequest): Inference {
    this.requests.push(request);
    this.#onRequest();
    let cancel: Inference['cancel'] = () => undefined;
    const givenUp = new Promise<never>((_, reject) => {
      cancel = (reason) => {
        this.cancelled.push(reason);
        reject(reason);
      };
    });
    return { answer: Promise.race([this.answer(request), givenUp]), cancel };
  }

  refusal: Engine['refusal'] = () => undefined;

  hold(): Hold {
    let release: () => void = () => undefined;
    this.#released = new Promise((resolve) => (release = resolve));
    const before = this.requests.length;
    return {
      release,
      asked: (count = 1) =>
        new Promise((resolve) => {
          this.#onRequest = () => {
            if (this.requests.length - before >= count) resolve();
          };
          this.#onRequest();
        }),
    };
  }

  fail(error: Error): void {
    this.#failure = error;
  }

  stats(): EngineStats {
    return { ...stats(Object.keys(this.labels)), ...this.overrides };
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  private async answer({ texts }: InferRequest): Promise<Answer> {
    await this.#released;
    if (this.#failure !== undefined) throw this.#failure;
    if (texts.length > this.stats().queueCapacity) {
      throw new ServiceError(
        'too_many_texts',
        `${texts.length} texts are more than the queue holds.`,
      );
    }
    const begun = texts.reduce((sum, { models }) => sum + models.length, 0);
    return { texts: texts.map((text) => this.answerTo(text)), begun, timing: TIMING };
  }

  private answerTo({ text, models }: TextRequest): TextAnswer {
    return {
      outputs: models.map((name) => {
        const labels = this.labels[name];
        if (labels === undefined) throw new Error(`No model ${name} is loaded.`);
        return scoresOf(name, labels, text);
      }),
      truncatedBy: text.length > MAX_LENGTH ? models : [],
    };
  }
}

/** Another best label and another score for every text and model. */
function scoresOf(model: string, labels: readonly string[], text: string): ClassScores {
  const seed = hash(`${model}\n${text}`);
  const top = 0.5 + (seed >>> 8) / 2 ** 25;
  const scores = labels.map((_, at) =>
    at === seed % labels.length ? top : (1 - top) / (labels.length - 1),
  );
  return { type: 'classification', labels, scores: Float32Array.from(scores) };
}

/** What a model of tests says of itself. */
export function modelInfo(name: string, labels: readonly string[]): ModelInfo {
  return {
    name,
    architecture: 'xlm-roberta',
    task: 'classification',
    labels,
    scores: 'probabilities',
    decides: false,
    maxTokens: 512,
    parameters: 1,
    provider: 'cpu',
    precision: 'exact',
    digest: hash(name).toString(16),
    space: hash(name).toString(16),
    dimensions: 0,
    normalized: false,
    similarity: 'cosine',
    prompts: {},
    defaultPrompt: undefined,
    bytes: 2 ** 21,
    load: 'eager',
  };
}

/** FNV-1a, 32 bits. */
function hash(written: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(written)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
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
    loaded: true,
    bytes: 2 ** 21,
    loadsDone: 0,
    loadsFailed: 0,
    evictions: 0,
    loadSeconds: histogram,
  }));
  return {
    models,
    lanes: 2,
    panics: 0,
    broken: false,
    pendingTexts: 0,
    queueCapacity: 1024,
    modelMemory: 3 * 2 ** 21,
    expectedWaitSeconds: 0,
    tokenizationSeconds: histogram,
    inputTokens: histogram,
    truncatedTexts: 5,
    secondsSinceProgress: 0,
  };
}
