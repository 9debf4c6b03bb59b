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
export type { EngineConfig } from './addon.js';
import type {
  Answer,
  Engine,
  EngineStats,
  Inference,
  InferRequest,
  ModelInfo,
  ModelOutput,
  TextAnswer,
} from './engine.js';

/**
 * Loads the models of `config` and returns the engine that serves them.
 *
 * @throws {StartError} with the addon's message: which file, what was expected, what was found.
 */
export async function loadNativeEngine(
  config: native.EngineConfig,
  { NativeEngine }: Pick<Addon, 'NativeEngine'> = loadAddon(),
): Promise<Engine> {
  const handle = new NativeEngine();
  const open = new OpenRequests();
  const outcome = await handle.load(config, (replies) => {
    for (const reply of replies) open.settle(reply);
  });
  if (outcome.type === 'failed') throw new StartError([outcome.message]);
  return new NativeEngineAdapter(handle, open, outcome);
}

/** Ends the process at once, also while the engine loads or runs models; `process.exit` may crash then. */
export function exitProcess(code: number): void {
  loadAddon().exitProcess(code);
}

/**
 * Stores the folder's `pytorch_model.bin` as `model.safetensors` beside it.
 *
 * @throws {StartError} when it holds anything but tensors.
 */
export async function convertCheckpoint(folder: string): Promise<void> {
  const outcome = await loadAddon().convertCheckpoint(folder);
  if (outcome.type === 'failed') throw new StartError([outcome.message]);
}

/** The requests that have not got their reply, by ticket. */
class OpenRequests {
  readonly #waiting = new Map<number, (reply: native.Reply) => void>();
  #lastTicket = 0;

  /** A ticket, and the reply to it that will come. */
  open(): { ticket: number; reply: Promise<native.Reply> } {
    // 32 bits on the other side; no request stays open for four thousand million others.
    const ticket = (this.#lastTicket = (this.#lastTicket + 1) >>> 0);
    const reply = new Promise<native.Reply>((resolve) => this.#waiting.set(ticket, resolve));
    return { ticket, reply };
  }

  settle(reply: native.Reply): void {
    this.#waiting.get(reply.ticket)?.(reply);
    this.#waiting.delete(reply.ticket);
  }
}

class NativeEngineAdapter implements Engine {
  readonly models: readonly ModelInfo[];
  readonly ortVersion: string;
  readonly maxBatchTokens: number;
  readonly #indexOf: ReadonlyMap<string, number>;

  constructor(
    private readonly handle: InstanceType<Addon['NativeEngine']>,
    private readonly requests: OpenRequests,
    { models, ortVersion, maxBatchTokens }: Extract<native.LoadOutcome, { type: 'done' }>,
  ) {
    this.models = models;
    this.ortVersion = ortVersion;
    this.maxBatchTokens = maxBatchTokens;
    this.#indexOf = new Map(models.map(({ name }, index) => [name, index]));
  }

  infer({ texts, models, top }: InferRequest): Inference {
    const asked = models.map((name) => this.indexOf(name));
    const { ticket, reply } = this.requests.open();
    const refusal = this.handle.submit(ticket, [...texts], asked, Number.isFinite(top) ? top : 0);
    if (refusal !== null) {
      this.requests.settle({ ticket, answers: [], timing: [], failure: refusal });
    }
    let cancelled: ServiceError | undefined;
    return {
      answer: reply.then((reply) => this.toAnswer(reply, asked, cancelled)),
      cancel: (reason) => {
        cancelled = reason;
        this.handle.cancel(ticket);
      },
    };
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

  private indexOf(name: string): number {
    const index = this.#indexOf.get(name);
    if (index === undefined) throw new Error(`No model ${name} is loaded.`);
    return index;
  }

  /**
   * `asked`: the models of the request, in the order of the outputs; `cancelled`: why it was, if it was.
   *
   * @throws {ServiceError} when the reply is a failure.
   */
  private toAnswer(
    { answers, timing, failure }: native.Reply,
    asked: readonly number[],
    cancelled: ServiceError | undefined,
  ): Answer {
    if (failure !== undefined) {
      throw failure.code === 'cancelled' && cancelled !== undefined
        ? cancelled
        : toServiceError(failure);
    }
    const [tokenization = 0, queue = 0, inference = 0] = timing;
    const texts = answers.map((answer) => this.toTextAnswer(answer, asked));
    return { texts, timing: { tokenization, queue, inference } };
  }

  private toTextAnswer(
    { outputs, truncatedBy }: native.TextAnswer,
    asked: readonly number[],
  ): TextAnswer {
    return {
      outputs: outputs.map((numbers, place) => toOutput(this.models[asked[place] ?? -1], numbers)),
      truncatedBy: truncatedBy.flatMap((index) => this.models[index]?.name ?? []),
    };
  }
}

/** The addon's `TextAnswer.outputs` says what the numbers are. */
function toOutput(model: ModelInfo | undefined, numbers: readonly number[]): ModelOutput {
  if (model?.task !== 'classification') return { type: 'embedding', vector: numbers };
  const scores = [];
  for (let at = 0; at < numbers.length; at += 2) {
    scores.push({ label: model.labels[numbers[at] ?? -1] ?? '', score: numbers[at + 1] ?? NaN });
  }
  return { type: 'classification', scores };
}

function toServiceError({ code, message }: native.Failure): ServiceError {
  if (isErrorCode(code)) return new ServiceError(code, message);
  return new ServiceError('internal', message, {
    cause: new Error(`The addon failed with the unknown code ${code}: ${message}`),
  });
}

function toRecord(counts: readonly native.ReasonCount[]): Readonly<Record<string, number>> {
  return Object.fromEntries(counts.map(({ reason, count }) => [reason, count]));
}
