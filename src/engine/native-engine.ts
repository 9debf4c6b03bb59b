/**
 * The engine over the Rust addon; the only file that knows there is one.
 *
 * Translates and nothing else: names to indices, outcomes to values or `ServiceError`s, an abort
 * signal to a cancelled ticket. Failures cross the bridge as data; a rejected promise is a bug there
 * and surfaces as `internal`.
 */

import { isErrorCode } from '../errors/codes.js';
import { ServiceError } from '../errors/service-error.js';
import { StartError } from '../start-error.js';
import { loadAddon, type Addon } from './addon.js';
import type * as native from './addon.js';
export type { EngineConfig } from './addon.js';
import type { Engine, EngineStats, InferRequest, ModelInfo, TextAnswer } from './engine.js';

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
  const outcome = await handle.load(config);
  if (outcome.type === 'failed') throw new StartError([outcome.message]);
  return new NativeEngineAdapter(handle, outcome.models, outcome.ortVersion);
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

class NativeEngineAdapter implements Engine {
  readonly #indexOf: ReadonlyMap<string, number>;
  #lastTicket = 0;

  constructor(
    private readonly handle: InstanceType<Addon['NativeEngine']>,
    readonly models: readonly ModelInfo[],
    readonly ortVersion: string,
  ) {
    this.#indexOf = new Map(models.map(({ name }, index) => [name, index]));
  }

  async infer(request: InferRequest, signal: AbortSignal): Promise<readonly TextAnswer[]> {
    signal.throwIfAborted();
    // 32 bits on the other side; no request stays open for four thousand million others.
    const ticket = (this.#lastTicket = (this.#lastTicket + 1) >>> 0);
    const cancel = () => {
      this.handle.cancel(ticket);
    };
    signal.addEventListener('abort', cancel, { once: true });
    const outcome = await this.handle.infer({
      ticket,
      texts: [...request.texts],
      models: request.models.map((name) => this.indexOf(name)),
      top: Number.isFinite(request.top) ? request.top : 0,
    });
    signal.removeEventListener('abort', cancel);
    if (outcome.type === 'done') return outcome.answers.map((answer) => this.toAnswer(answer));
    if (outcome.code === 'cancelled') signal.throwIfAborted();
    throw toServiceError(outcome);
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

  private toAnswer({ outputs, truncatedBy }: native.TextAnswer): TextAnswer {
    return { outputs, truncatedBy: truncatedBy.flatMap((index) => this.models[index]?.name ?? []) };
  }
}

type Failed = Extract<native.InferOutcome, { type: 'failed' }>;

function toServiceError({ code, message }: Failed): ServiceError {
  if (isErrorCode(code)) return new ServiceError(code, message);
  return new ServiceError('internal', message, {
    cause: new Error(`The addon failed with the unknown code ${code}: ${message}`),
  });
}

function toRecord(counts: readonly native.ReasonCount[]): Readonly<Record<string, number>> {
  return Object.fromEntries(counts.map(({ reason, count }) => [reason, count]));
}
