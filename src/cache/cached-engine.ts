/**
 * An engine that answers again what it has answered before: one place, from which every contract profits.
 *
 * Looks in memory, then in Redis, for each output by itself: only texts and models that are missing are asked of the
 * engine, which computes once what several requests ask for at a time. What memory answers whole waits for nothing.
 */

import type {
  Answer,
  CacheOutcome,
  CacheStats,
  Engine,
  EngineStats,
  Hurry,
  Inference,
  InferRequest,
  ModelInfo,
  ModelOutput,
} from '../engine/engine.js';
import { indicesIn, type IndicesOf } from '../engine/indices.js';
import { ServiceError } from '../errors/service-error.js';
import { CacheCounts } from './cache-counts.js';
import { LaterInference } from './later-inference.js';
import { entryOf, Lookup, type Missing } from './lookup.js';
import type { MemoryTier } from './memory-tier.js';
import type { RedisTier } from './redis-tier.js';

export interface Tiers {
  readonly memory: MemoryTier | undefined;
  readonly redis: RedisTier | undefined;
}

export class CachedEngine implements Engine {
  readonly models: readonly ModelInfo[];
  readonly ortVersion: string;
  readonly maxBatchTokens: number;
  readonly #indicesOf: IndicesOf;

  constructor(
    private readonly engine: Engine,
    private readonly tiers: Tiers,
    private readonly counts = new CacheCounts(),
  ) {
    this.models = engine.models;
    this.ortVersion = engine.ortVersion;
    this.maxBatchTokens = engine.maxBatchTokens;
    this.#indicesOf = indicesIn(engine.models);
  }

  infer(request: InferRequest): Inference {
    const lookup = new Lookup(request.texts, this.models, this.#indicesOf);
    if (request.fresh) return this.compute(request, lookup);
    this.lookInMemory(lookup);
    if (lookup.missing === 0) return this.known(lookup);
    const inRedis = this.lookInRedis(lookup, request);
    if (inRedis === undefined) return this.compute(request, lookup);
    return new LaterInference(inRedis, () => {
      // While Redis was asked, another request may have been given the same.
      this.remember(lookup);
      if (lookup.missing === 0) return this.known(lookup);
      const { deadlineMs } = request;
      const left = deadlineMs === 0 ? 0 : Math.max(1, deadlineMs - lookup.elapsed);
      return this.compute({ ...request, deadlineMs: left }, lookup);
    });
  }

  refusal(hurry: Hurry, waitedMs: number): ServiceError | undefined {
    return this.engine.refusal(hurry, waitedMs);
  }

  stats(): EngineStats {
    const { memory, redis } = this.tiers;
    const cache: CacheStats = {
      outcomes: { ...this.counts.outcomes },
      lookups: {
        ...(memory && { memory: { ...this.counts.lookups.memory } }),
        ...(redis && { redis: { ...this.counts.lookups.redis } }),
      },
      ...(memory?.figures ?? { entries: 0, bytes: 0, evictions: 0 }),
      ...(redis && { redis: redis.stats() }),
    };
    return { ...this.engine.stats(), cache };
  }

  /** What is kept stays, for another engine. */
  async close(): Promise<void> {
    await this.engine.close();
  }

  private lookInMemory(lookup: Lookup): void {
    if (this.tiers.memory === undefined) return;
    const before = lookup.missing;
    this.remember(lookup);
    this.counts.looked('memory', before, lookup.missing);
  }

  private remember(lookup: Lookup): void {
    const { memory } = this.tiers;
    if (memory === undefined || lookup.missing === 0) return;
    for (const row of lookup.rows) {
      const entry = memory.get(row.request.text);
      if (entry !== undefined) lookup.remember(row, entry);
    }
  }

  /**
   * Resolves once Redis has been asked for what is missing; nothing where it is not asked. Half of the time that there is
   * stays for the models.
   */
  private lookInRedis(lookup: Lookup, { deadlineMs }: Hurry): Promise<void> | undefined {
    const { redis } = this.tiers;
    if (redis === undefined) return undefined;
    const missing = lookup.missingOutputs();
    return redis.get(missing, deadlineMs === 0 ? Infinity : deadlineMs / 2)?.then((found) => {
      for (const [at, output] of missing.entries()) {
        const kept = found[at];
        if (kept !== undefined) lookup.enter(output, kept);
      }
      this.counts.looked('redis', missing.length, lookup.missing);
      this.keepInMemory(lookup);
    });
  }

  /** What needs no engine. */
  private known(lookup: Lookup): Inference {
    this.counts.outcomes.hit += 1;
    const cache = { outcome: 'hit', duration: lookup.elapsed } as const;
    const timing = { tokenization: 0, queue: 0, inference: 0 };
    const known = { texts: lookup.answers(), begun: 0, timing, cache };
    return { known, answer: Promise.resolve(known), cancel: () => undefined };
  }

  private compute(request: InferRequest, lookup: Lookup): Inference {
    const duration = lookup.elapsed;
    const missing = lookup.missingOutputs();
    const asked = this.engine.infer({ ...request, texts: lookup.missingTexts() });
    const answer = asked.answer.then(({ begun, timing, texts }): Answer => {
      const outcome = outcomeOf(lookup, begun);
      this.counts.outcomes[outcome] += 1;
      this.keep(lookup, missing, texts);
      return { texts: lookup.answers(), begun, timing, cache: { outcome, duration } };
    });
    return { answer, cancel: asked.cancel };
  }

  /** Enters and keeps what the engine gave for what was missing. */
  private keep(lookup: Lookup, missing: readonly Missing[], texts: Answer['texts']): void {
    const given = texts.flatMap(({ outputs, truncatedBy }) =>
      outputs.map((output) => ({ output, truncatedBy })),
    );
    const kept = missing.map((place, at) => {
      const from = given[at];
      if (from === undefined) throw new ServiceError('internal', 'The engine gave no answer.');
      const truncated = from.truncatedBy.includes(place.model.name);
      const kept = { output: ofItsOwn(from.output), truncated };
      lookup.enter(place, kept);
      return { ...place, kept };
    });
    this.keepInMemory(lookup);
    this.tiers.redis?.put(kept);
  }

  private keepInMemory(lookup: Lookup): void {
    for (const row of lookup.rows) {
      if (row.isNew) this.tiers.memory?.put(row.request.text, entryOf(row));
      row.isNew = false;
    }
  }
}

/** What an answer owes to the cache, before what was missing is entered. */
function outcomeOf({ missing, outputs }: Lookup, begun: number): CacheOutcome {
  if (missing < outputs) return 'partial';
  return begun === 0 && outputs > 0 ? 'coalesced' : 'miss';
}

/** With numbers of its own: those of an answer are parts of one reply, which would be kept whole. */
function ofItsOwn(output: ModelOutput): ModelOutput {
  return output.type === 'classification'
    ? { ...output, scores: output.scores.slice() }
    : { ...output, vector: output.vector.slice() };
}
