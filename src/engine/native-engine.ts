/**
 * The engine over the Rust addon; the only file that knows there is one.
 *
 * Translates and nothing else: names to indices, outcomes to values or `ServiceError`s. Failures
 * cross the bridge as data; a rejected promise is a bug there and surfaces as `internal`.
 */

import { isErrorCode } from '../errors/codes.js';
import { ServiceError } from '../errors/service-error.js';
import { StartError } from '../start-error.js';
import { loadAddon, type Addon } from './addon.js';
import type * as native from './addon.js';
export type {
  Description,
  EngineConfig,
  Footprint,
  ModelConfig,
  Setting,
  StoredFile,
} from './addon.js';
import type {
  Answer,
  Engine,
  EngineStats,
  Hurry,
  Inference,
  InferRequest,
  ModelInfo,
  ModelOutput,
} from './engine.js';
import { indicesIn, type IndicesOf } from './indices.js';
import { OpenRequests } from './open-requests.js';

/**
 * Loads the models of `config` and returns the engine that serves them.
 *
 * Beside `before`, which goes on: models that would be the same are taken over from it, and what a batch may have is
 * not measured again, which would take all cores from it.
 *
 * @throws {StartError} with the addon's message: which file, what was expected, what was found.
 */
export async function loadNativeEngine(
  config: native.EngineConfig,
  before?: Engine,
  { NativeEngine }: Pick<Addon, 'NativeEngine'> = loadAddon(),
): Promise<Engine> {
  const handle = new NativeEngine();
  const open = new OpenRequests<native.Reply>();
  const settle = (replies: native.Reply[]) => {
    for (const reply of replies) open.settle(reply);
  };
  const outcome =
    before instanceof NativeEngineAdapter
      ? await handle.load(besides(config, before), settle, before.handle)
      : await handle.load(config, settle);
  if (outcome.type === 'failed') throw new LoadFailure(outcome);
  return new NativeEngineAdapter(handle, open, outcome);
}

/**
 * What the small files of a model's folder say it is, before anything large of it is read.
 *
 * `files` are the names of those beside its weights, which need not be there yet; none: those that are there.
 *
 * @throws {LoadFailure} with the addon's message: which file, what was expected, what was found.
 */
export async function describeModel(
  config: native.ModelConfig,
  files: readonly string[] = [],
  addon: Pick<Addon, 'describeModel'> = loadAddon(),
): Promise<native.Description> {
  const outcome = await addon.describeModel(config, [...files]);
  if (outcome.type === 'failed') throw new LoadFailure(outcome);
  return outcome.description;
}

/**
 * What the models of `config` are going to take, by their small files, and what the process may take.
 *
 * @throws {LoadFailure} as `describeModel`.
 */
export async function footprintOf(
  config: native.EngineConfig,
  addon: Pick<Addon, 'footprint'> = loadAddon(),
): Promise<native.Footprint> {
  const outcome = await addon.footprint(config);
  if (outcome.type === 'failed') throw new LoadFailure(outcome);
  return outcome.footprint;
}

/** A model cannot be served; `model` and `field` name the entry of the profile where one is to blame. */
export class LoadFailure extends StartError {
  readonly model: string | undefined;
  readonly field: string | undefined;

  constructor({ message, model, field }: Extract<native.LoadOutcome, { type: 'failed' }>) {
    super([message]);
    this.model = model;
    this.field = field;
  }
}

/** Ends the process at once, also while the engine loads or runs models; `process.exit` may crash then. */
export function exitProcess(code: number): void {
  loadAddon().exitProcess(code);
}

/**
 * Stores the folder's pickled weights as safetensors beside them, unless they have been; gives which file is stored
 * as which.
 *
 * @throws {StartError} when they hold anything but tensors.
 */
export async function convertCheckpoint(folder: string): Promise<readonly native.StoredFile[]> {
  const outcome = await loadAddon().convertCheckpoint(folder);
  if (outcome.type === 'failed') throw new StartError([outcome.message]);
  return outcome.files;
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
    this.#models = models.map(({ width, ...info }) => ({ info, width }));
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

  refusal(hurry: Hurry): ServiceError | undefined {
    const refusal = this.handle.refusal(hurry);
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
        return toOutput(info, numbers.subarray(at, (at += width)));
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

function toOutput({ task, labels }: ModelInfo, numbers: Float32Array): ModelOutput {
  return task === 'classification'
    ? { type: 'classification', labels, scores: numbers }
    : { type: 'embedding', vector: numbers };
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
