/**
 * One generation after another: what is served now, what is loaded instead, and what still has requests to answer.
 */

import { ServiceError } from '../errors/service-error.js';
import type { Logger } from '../log/logger.js';
import { freed, type Generation, type Loaded } from './generation.js';
import { reloadError, type Load, type Reloaded, type Wanted } from './reload.js';

export interface GenerationsParts {
  readonly load: Load;
  /** Whether another profile or precision than that of the settings may be asked for. */
  readonly mayServeOther: boolean;
  readonly logger: Logger;
  /** Makes what answers requests by what is loaded. */
  readonly generationOf: (number: number, loaded: Loaded) => Generation;
  /** Lets requests that come from now on be answered by it. */
  readonly began: (generation: Generation) => void;
  readonly reloaded: (outcome: 'done' | 'failed') => void;
}

export class Generations {
  #current: Generation | undefined;
  readonly #retiring = new Set<Promise<void>>();
  #isReloading = false;
  #isClosing = false;
  /** What the last reload that was done has served instead of what the settings say. */
  #wanted: Wanted = {};

  constructor(private readonly parts: GenerationsParts) {}

  get current(): Generation | undefined {
    return this.#current;
  }

  /** @throws {StartError} when the profile cannot be served. */
  async first(): Promise<void> {
    this.begin(await this.parts.load({}));
  }

  /**
   * Serves what is wanted instead: loaded and tried beside what is served now, which goes on until then, and for ever
   * where anything fails.
   *
   * @throws {ServiceError} `reload_failed`, `reload_running`, `not_ready`, `draining`.
   */
  async reload(wanted: Wanted): Promise<Reloaded> {
    const { logger, load, mayServeOther, reloaded } = this.parts;
    const now = this.#current;
    if (this.#isClosing) throw stopping();
    if (now === undefined) throw new ServiceError('not_ready', 'The models are being loaded.');
    if (Object.keys(wanted).length > 0 && !mayServeOther) {
      const detail = 'Another profile or precision may be named with --reload-other only.';
      throw new ServiceError('reload_failed', detail);
    }
    if (this.#isReloading) throw new ServiceError('reload_running', 'Another reload is under way.');
    this.#isReloading = true;
    const started = performance.now();
    logger.info({ ...wanted }, 'reloading');
    try {
      const all = { ...this.#wanted, ...wanted };
      const { number, profile, engine } = await this.replace(now, await load(all));
      this.#wanted = all;
      reloaded('done');
      const models = engine.models.map(({ name }) => name);
      const seconds = (performance.now() - started) / 1000;
      return { generation: number, profile: profile.name, models, seconds };
    } catch (thrown) {
      const error = reloadError(thrown);
      reloaded('failed');
      const what = 'the reload failed; what was served goes on';
      logger.error({ reason: error.code, err: error }, what);
      throw error;
    } finally {
      this.#isReloading = false;
    }
  }

  /** From now on nothing is served that is not served already. */
  drain(): void {
    this.#isClosing = true;
  }

  /** Frees all models, those of generations before once their last request has ended. */
  async close(): Promise<void> {
    this.drain();
    await Promise.all([...this.#retiring, this.#current && freed(this.#current)]);
  }

  private async replace(before: Generation, loaded: Loaded): Promise<Generation> {
    if (this.#isClosing) {
      await freed(loaded);
      throw stopping();
    }
    const generation = this.begin(loaded);
    this.retire(before);
    return generation;
  }

  private begin(loaded: Loaded): Generation {
    const { logger, generationOf, began } = this.parts;
    const generation = generationOf((this.#current?.number ?? 0) + 1, loaded);
    this.#current = generation;
    began(generation);
    const { engine, number, profile } = generation;
    const { ortVersion, maxBatchTokens } = engine;
    logger.info(
      {
        generation: number,
        profile: profile.name,
        models: engine.models.map(({ name }) => name),
        provider: engine.models[0]?.provider,
        ortVersion,
        maxBatchTokens,
      },
      'loaded',
    );
    return generation;
  }

  private retire(generation: Generation): void {
    const { logger } = this.parts;
    const { number } = generation;
    const retired = () => {
      logger.info({ generation: number }, 'retired');
    };
    const failed = (err: unknown) => {
      logger.error({ generation: number, err }, 'could not be retired');
    };
    const retiring = generation
      .retire()
      .then(retired, failed)
      .finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }
}

function stopping(): ServiceError {
  return new ServiceError('draining', 'The service is stopping.');
}
