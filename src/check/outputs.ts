/**
 * Asking an engine about texts, and how far two of its answers are apart.
 */

import type { Engine, ModelInfo, ModelOutput } from '../engine/engine.js';
import { numbersOf } from '../engine/outputs.js';
import { ServiceError } from '../errors/service-error.js';

/** Texts per request where the queue holds as many: more than fit into a batch. */
const CHUNK = 32;

/** `texts`, or as many as `engine` takes in a request: what its queue cannot hold is refused. */
export function textsAtOnce(engine: Engine, texts: number): number {
  return Math.min(texts, engine.stats().queueCapacity);
}

/** By text, by model; a text that one of the models cannot read has none. */
export type Outputs = readonly (readonly ModelOutput[])[];

/**
 * Those of `models` that are asked together: all that are loaded at start, and each of the others by itself, since they may
 * not fit into memory together.
 */
export function groupsOf(models: readonly ModelInfo[]): readonly (readonly ModelInfo[])[] {
  const eager = models.filter(({ load }) => load === 'eager');
  const lazy = models.filter(({ load }) => load === 'lazy').map((model) => [model]);
  return eager.length === 0 ? lazy : [eager, ...lazy];
}

/** Every model's output for each of `texts`, in requests of several. */
export async function outputs(engine: Engine, texts: readonly string[]): Promise<Outputs> {
  const byModel = new Map<string, Outputs>();
  for (const models of groupsOf(engine.models)) {
    const found = await outputsOf(engine, models, texts);
    for (const [place, { name }] of models.entries()) {
      byModel.set(
        name,
        found.map((text) => text.slice(place, place + 1)),
      );
    }
  }
  return texts.map((_, index) => {
    const each = engine.models.map(({ name }) => byModel.get(name)?.[index] ?? []);
    return each.some((own) => own.length === 0) ? [] : each.flat();
  });
}

/** As `outputs`, of some of the models. */
export async function outputsOf(
  engine: Engine,
  models: readonly ModelInfo[],
  texts: readonly string[],
): Promise<Outputs> {
  const all: (readonly ModelOutput[])[] = [];
  const size = textsAtOnce(engine, CHUNK);
  for (let start = 0; start < texts.length; start += size) {
    all.push(...(await readable(engine, models, texts.slice(start, start + size))));
  }
  return all;
}

/**
 * The outputs of `models` for each of `texts`, in one request.
 *
 * @throws {ServiceError} `unreadable_text` where one of them is, and whatever else a request ends with.
 */
export async function inOneRequest(
  engine: Engine,
  models: readonly ModelInfo[],
  texts: readonly string[],
): Promise<Outputs> {
  const names = models.map(({ name }) => name);
  const asked = texts.map((text) => ({ text, models: names }));
  const { answer } = engine.infer({ texts: asked, deadlineMs: 0, priority: 'batch', fresh: true });
  return (await answer).texts.map((text) => text.outputs);
}

/** Whether a request failed for what one of its texts is. */
export function isUnreadable(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.code === 'unreadable_text';
}

async function readable(
  engine: Engine,
  models: readonly ModelInfo[],
  texts: readonly string[],
): Promise<Outputs> {
  try {
    return await inOneRequest(engine, models, texts);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    if (texts.length === 1) return [[]];
    const each: Outputs[] = [];
    for (const text of texts) each.push(await readable(engine, models, [text]));
    return each.flat();
  }
}

/** The largest difference of scores by class, or of components; NaN where there is nothing to compare. */
export function largestDifference(one: ModelOutput, other: ModelOutput): number {
  const [a, b] = [numbersOf(one), numbersOf(other)];
  if (one.type !== other.type || a.length !== b.length) return Number.NaN;
  return a.reduce((largest, value, at) => {
    const difference = Math.abs(value - (b[at] ?? Number.NaN));
    // Not Math.max alone: it is called for every component of large vectors.
    return difference > largest || Number.isNaN(difference) ? difference : largest;
  }, 0);
}

/** The cosine of the angle between two vectors; NaN where one of them has no direction. */
export function cosine(one: Float32Array, other: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, at) => sum + value * (b[at] ?? Number.NaN), 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

/** The length of a vector, by which its components are small or large. */
export function lengthOf(vector: Float32Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}
