/**
 * What is served at a time: a profile, the engine of its models, and the application over both.
 *
 * A reload makes another one beside it; every request ends in the generation that it began in, and a generation lives
 * until its last request has ended.
 */

import type { RequestListener } from 'node:http';

import type { Engine } from '../engine/engine.js';
import type { FormatOf } from '../errors/formats.js';
import type { EarlyRefusal } from '../http/early-refusal.js';
import type { Serving } from '../http/serving.js';
import type { Profile } from '../profile/schema.js';
import type { ServedIndex } from '../retrieval/served-index.js';
import { errorFormats, type Endpoint } from '../routes/endpoints.js';

/** A profile with its models in memory. */
export interface Loaded {
  readonly profile: Profile;
  /** Of the profile's routes. */
  readonly endpoints: readonly Endpoint[];
  readonly engine: Engine;
  /** The commits of those models that were pulled, by their names. */
  readonly revisions: ReadonlyMap<string, string>;
  /** Where one of the routes looks in one. */
  readonly index?: ServedIndex | undefined;
}

/** Lets go of what is in memory. */
export async function freed({ engine, index }: Pick<Loaded, 'engine' | 'index'>): Promise<void> {
  index?.close();
  await engine.close();
}

export class Generation implements Serving {
  readonly profile: Profile;
  readonly engine: Engine;
  readonly revisions: ReadonlyMap<string, string>;
  readonly index: ServedIndex | undefined;
  readonly formatOf: FormatOf;
  readonly app: RequestListener;
  #open = 0;
  #lastClosed: (() => void) | undefined;

  /** `number`: 1 is the one that the service starts with. */
  constructor(
    readonly number: number,
    { profile, endpoints, engine, revisions, index }: Loaded,
    app: RequestListener,
    readonly refusal: EarlyRefusal,
  ) {
    this.profile = profile;
    this.engine = engine;
    this.revisions = revisions;
    this.index = index;
    this.formatOf = errorFormats(endpoints);
    this.app = app;
  }

  opened(): void {
    this.#open += 1;
  }

  closed(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#lastClosed?.();
  }

  /** To be called once it gets no new requests: resolves when the last one has ended and the models are freed. */
  async retire(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#lastClosed = resolve));
    await freed(this);
  }
}
