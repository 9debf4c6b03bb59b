/**
 * Whether an encoder and a generation belong together: vectors of others give answers that look like answers.
 *
 * A generation names its encoder by its vector space, which is files, options and precision, and before it is served
 * the encoder embeds some of its texts again.
 */

import type { Engine, ModelInfo } from '../engine/engine.js';
import { StartError } from '../start-error.js';
import { embed } from './embed.js';
import type { Facts, Found } from './generation.js';
import { vectorOf } from './manifest.js';

/** Vectors of the same text by the same encoder: what another CPU's rounding may change. */
const LEAST_COSINE = 0.9999;

/** The model of an engine that embeds what is looked for. */
export interface Encoding {
  readonly engine: Engine;
  readonly encoder: ModelInfo;
}

/** @throws {StartError} when an encoder's vectors are compared by their length, too. */
export function requireCosine({ name, normalized, similarity }: ModelInfo): void {
  if (normalized || similarity === 'cosine') return;
  throw new StartError([
    `${name} gives vectors whose inner products are compared, with their lengths; an index compares angles.`,
  ]);
}

/** @throws {StartError} when the generation at `place` is another encoder's. */
export function requireEncoder(place: string, { encoder }: Facts, by: ModelInfo): void {
  requireCosine(by);
  if (encoder.space === by.space) return;
  const other =
    encoder.precision === by.precision
      ? 'its files or options differ'
      : `it was ${encoder.precision}, and ${by.name} is served as ${by.precision}`;
  throw new StartError([
    `${place} was built by another encoder than ${by.name} is: ${other}. Build it again, or serve its encoder.`,
  ]);
}

/** A golden row as it is stored; `score`: the cosine of its vector and the golden one. */
export type GoldenRow = Pick<Found, 'text' | 'score'>;

/**
 * Embeds the texts of the golden rows again, which are `stored` so, each at the place of its vector.
 *
 * @throws {StartError} when the generation at `place` is not what it says of itself.
 */
export async function requireGolden(
  place: string,
  { golden, rows, encoder: stated }: Facts,
  stored: readonly (GoldenRow | undefined)[],
  { engine, encoder }: Encoding,
): Promise<void> {
  if (golden.length === 0) return;
  const texts = stored.map((row) => stated.prompt + (row?.text ?? ''));
  const embedded = await embed(engine, encoder.name, texts);
  for (const [at, { row }] of golden.entries()) {
    const found = stored[at];
    if (row >= rows || found === undefined || !(found.score >= LEAST_COSINE)) {
      throw new StartError([`${place}: row ${row} does not find itself; the index is damaged.`]);
    }
    const cosine = cosineOf(embedded[at]?.vector, vectorOf(golden[at]?.vector ?? ''));
    if (!(cosine >= LEAST_COSINE)) {
      throw new StartError([
        `${place}: the encoder embeds the text of row ${row} otherwise than when the index was built (cosine ` +
          `${cosine.toFixed(5)}); build the index again.`,
      ]);
    }
  }
}

/** NaN where they cannot be compared. */
export function cosineOf(one: Float32Array | undefined, other: Float32Array | undefined): number {
  if (one === undefined || other?.length !== one.length) return Number.NaN;
  let [product, ones, others] = [0, 0, 0];
  for (let at = 0; at < one.length; at += 1) {
    const [a = 0, b = 0] = [one[at], other[at]];
    product += a * b;
    ones += a * a;
    others += b * b;
  }
  return product / Math.sqrt(ones * others);
}
