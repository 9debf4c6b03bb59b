/**
 * The engine over the Rust addon; this file and `native-models.ts` alone know that there is one.
 *
 * Translates and nothing else: names to indices, outcomes to values or `ServiceError`s. Failures
 * cross the bridge as data; a rejected promise is a bug there and surfaces as `internal`.
 */

import { isErrorCode } from '../errors/codes.js';
import { ServiceError } from '../errors/service-error.js';
import { loadAddon, type Addon } from './addon.js';
import type * as native from './addon.js';
import type {
  Answer,
  Engine,
  EngineStats,
  Hurry,
  Inference,
  InferRequest,
  ModelEvent,
  ModelInfo,
} from './engine.js';
import { indicesIn, type IndicesOf } from './indices.js';
import { LoadFailure } from './native-models.js';
import { OpenRequests } from './open-requests.js';
import { outputOf } from './outputs.js';

/** What an engine is loaded beside, and who is told of its models. */
export interface Surroundings {
  /**
   * What goes on meanwhile: models that would be the same are taken over from it, and what a batch may have is not
   * measured again, which would take all cores from it.
   */
  readonly before?: Engine | undefined;
  readonly onModelEvent?: (event: ModelEvent) => void;
}

/**
 * Loads the models of `config`, but for those that are loaded when they are asked for, and returns the engine that
 * serves them.
 *
 * @throws {StartError} with the addon's message: which file, what was expected, what was found.
 */
export async function loadNativeEngine(
  config: native.EngineConfig,
  { before, onModelEvent = () => undefined }: Surroundings = {},
  { NativeEngine }: Pick<Addon, 'NativeEngine'> = loadAddon(),
): Promise<Engine> {
  const handle = new NativeEngine();
  const open = new OpenRequests<native.Reply>();
  const settle = (replies: native.Reply[]) => {
    for (const reply of replies) open.settle(reply);
  };
  const onEvent = (event: native.ModelEvent) => {
    onModelEvent(toModelEvent(event));
  };
  const outcome =
    before instanceof NativeEngineAdapter
      ? await handle.load(besides(config, before), settle, onEvent, before.handle)
      : await handle.load(config, settle, onEvent);
  if (outcome.type === 'failed') throw new LoadFailure(outcome);
  return new NativeEngineAdapter(handle, open, outcome);
}

/** Ends the process at once, also while the engine loads or runs models; `process.exit` may crash then. */
export function exitProcess(code: number): void {
  loadAddon().exitProcess(code);
}

class NativeEngineAdapter implements Engine {
  readonly models: readonly ModelInfo[];
  readonly ortVersion: string;
  readonly maxBatchTokens: number;
  readonly #models: readonly LoadedModel[];
  readonly #indicesOf: IndicesOf;

  constructor(
    readonly handle: InstanceType<Addon['NativeEngine']>,
    private readonly requests: OpenRequests<native.Reply>,
    { models, ortVersion, maxBatchTokens }: Extract<native.LoadOutcome, { type: 'done' }>,
  ) {
    this.#models = models.map(({ width, ...model }) => ({ info: toModelInfo(model), width }));
    this.models = this.#models.map(({ info }) => info);
    this.ortVersion = ortVersion;
    this.maxBatchTokens = maxBatchTokens;
    this.#indicesOf = indicesIn(this.models);
  }

  infer({ texts, deadlineMs, priority }: InferRequest): Inference {
    if (texts.length === 0) return NO_TEXTS;
    const asked = texts.map(({ models }) => this.#indicesOf(models));
    const { ticket, reply } = this.requests.open((ticket) => {
      const refusal = this.handle.submit({
        ticket,
        texts: texts.map(({ text }) => text),
        ...flattened(asked),
        deadlineMs,
        priority,
      });
      if (refusal !== null) this.requests.settle(refused(ticket, refusal));
    });
    return {
      answer: reply.then((reply) => this.toAnswer(reply, asked)),
      cancel: (reason) => {
        if (this.requests.giveUp(ticket, reason)) this.takeBack(ticket);
      },
    };
  }

  refusal(hurry: Hurry, waitedMs: number): ServiceError | undefined {
    const refusal = this.handle.refusal(hurry, waitedMs);
    return refusal === null ? undefined : toServiceError(refusal);
  }

  stats(): EngineStats {
    const { models, ...stats } = this.handle.stats();
    return {
      ...stats,
      models: models.map(({ batchesClosed, errors, ...model }) => ({
        ...model,
        batchesClosed: toRecord(batchesClosed),
        errors: toRecord(errors),
      })),
    };
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private takeBack(ticket: number): void {
    try {
      this.handle.cancel(ticket);
    } catch {
      // A panic, which Rust has told on standard error. Who cancels has its answer and is often a timer, which
      // could only let it end the process.
    }
  }

  /**
   * `asked`: the models of each text, in the order of its outputs.
   *
   * @throws {ServiceError} when the reply is a failure.
   */
  private toAnswer(
    { numbers, truncated, begun, failure, ...timing }: native.Reply,
    asked: readonly (readonly number[])[],
  ): Answer {
    if (failure !== undefined) throw toServiceError(failure);
    let at = 0;
    const texts = asked.map((models, index) => {
      const outputs = models.map((model) => {
        const { info, width } = this.modelAt(model);
        const output = outputOf(info, numbers.subarray(at, (at += width)));
        if (output === undefined) throw new Error('The addon gave numbers that are no answer.');
        return output;
      });
      return { outputs, truncatedBy: this.truncatedBy(index, truncated) };
    });
    if (at !== numbers.length) throw new Error('The addon gave another count of numbers.');
    const { tokenizationMs, queueMs, inferenceMs } = timing;
    return {
      texts,
      begun,
      timing: { tokenization: tokenizationMs, queue: queueMs, inference: inferenceMs },
    };
  }

  private truncatedBy(text: number, truncated: readonly number[]): readonly string[] {
    if (truncated.length === 0) return NOTHING;
    return truncated.flatMap((value, at) =>
      at % 2 === 1 && truncated[at - 1] === text ? this.modelAt(value).info.name : NOTHING,
    );
  }

  private modelAt(index: number): LoadedModel {
    const model = this.#models[index];
    if (model === undefined)
      throw new Error(`The addon names model ${index}, which is not loaded.`);
    return model;
  }
}

/** `config` with what need not be measured again. */
function besides(config: native.EngineConfig, { maxBatchTokens }: Engine): native.EngineConfig {
  return config.maxBatchTokens === 0 ? { ...config, maxBatchTokens } : config;
}

const NOTHING: readonly string[] = [];

/** What a request without texts gets; the bridge takes none. */
const NO_TEXTS: Inference = {
  answer: Promise.resolve({
    texts: [],
    begun: 0,
    timing: { tokenization: 0, queue: 0, inference: 0 },
  }),
  cancel: () => undefined,
};

interface LoadedModel {
  readonly info: ModelInfo;
  /** Numbers in an answer. */
  readonly width: number;
}

/** One list of models for all texts, and how many of it each has; all have all where that is so. */
function flattened(asked: readonly (readonly number[])[]): { models: number[]; counts: number[] } {
  const [first = []] = asked;
  if (asked.every((models) => models === first)) return { models: [...first], counts: [] };
  return { models: asked.flat(), counts: asked.map((models) => models.length) };
}

function refused(ticket: number, failure: native.Failure): native.Reply {
  const timing = { tokenizationMs: 0, queueMs: 0, inferenceMs: 0 };
  return { ticket, numbers: new Float32Array(), truncated: [], begun: 0, ...timing, failure };
}

function toModelInfo({
  prompts,
  defaultPrompt,
  ...info
}: Omit<native.ModelInfo, 'width'>): ModelInfo {
  const texts = Object.fromEntries(prompts.map(({ name, text }) => [name, text]));
  return { ...info, prompts: texts, defaultPrompt };
}

function toModelEvent({
  what,
  model,
  seconds,
  error,
  retryAfterMs,
}: native.ModelEvent): ModelEvent {
  switch (what) {
    case 'evicted':
      return { what, model };
    case 'failed':
      return { what, model, error, retryAfterMs };
    case 'loaded':
      return { what, model, seconds };
  }
}

function toServiceError({ code, message, retryAfterMs }: native.Failure): ServiceError {
  if (isErrorCode(code)) return new ServiceError(code, message, { retryAfterMs });
  return new ServiceError('internal', message, {
    cause: new Error(`The addon failed with the unknown code ${code}: ${message}`),
  });
}

function toRecord(counts: readonly native.ReasonCount[]): Readonly<Record<string, number>> {
  return Object.fromEntries(counts.map(({ reason, count }) => [reason, count]));
}
