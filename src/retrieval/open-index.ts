/**
 * A generation that can be searched: its files checked, and its encoder tried.
 *
 * An encoder and an index that do not belong together give answers that look like answers. So a generation names the
 * encoder by its vector space, which is files, options and precision, and before it is served the encoder embeds some
 * of its texts again.
 */

import type { Engine, ModelInfo } from '../engine/engine.js';
import { Vectors, type FoundRow, type IndexCondition } from '../engine/native-index.js';
import { StartError } from '../start-error.js';
import { embed } from './embed.js';
import {
  bytesOf,
  filesOf,
  readManifest,
  vectorOf,
  type FieldValue,
  type Manifest,
} from './manifest.js';
import type { Entry } from './row-files.js';

export interface OpenParts {
  readonly engine: Engine;
  /** The model of the engine that embeds what is looked for. */
  readonly encoder: ModelInfo;
  /** The sha256 of the manifest, where it is known. */
  readonly expected?: string;
}

/** What of a generation may be found: rows whose field has one of the values; of each field that is named. */
export type Filter = Readonly<Record<string, FieldValue | readonly FieldValue[]>>;

/** A line of the corpus that was found. */
export interface Found extends Entry {
  /** The cosine of the angle between the two vectors, in [-1, 1]. */
  readonly score: number;
}

/** What is looked for. */
export interface IndexSearch {
  /** How many lines of each text, at most. */
  readonly top: number;
  /** As of `OpenIndex.conditionsOf`. */
  readonly conditions: readonly IndexCondition[];
  /** After which nobody wants the answer. */
  readonly deadlineMs?: number;
}

/** A filter names what there is not. */
export class UnknownField extends Error {
  constructor(
    readonly field: string,
    readonly known: readonly string[],
  ) {
    super(`${field} is not a field of the index`);
  }
}

/** Vectors of the same text by the same encoder: what another CPU's rounding may change. */
const LEAST_COSINE = 0.9999;

export class OpenIndex {
  #users = 0;
  #isRetired = false;
  readonly #codes: ReadonlyMap<
    string,
    { readonly at: number; readonly codes: ReadonlyMap<FieldValue, number> }
  >;

  private constructor(
    readonly manifest: Manifest,
    /** The sha256 of the manifest. */
    readonly digest: string,
    private readonly vectors: Vectors,
  ) {
    this.#codes = new Map(
      manifest.fields.map(({ name, values }, at) => [
        name,
        { at, codes: new Map(values.map((value, index) => [value, index + 1])) },
      ]),
    );
  }

  /**
   * Opens the generation in `folder`.
   *
   * @throws {StartError} when it is not whole, is another than `expected`, or of another encoder.
   */
  static async open(folder: string, { engine, encoder, expected }: OpenParts): Promise<OpenIndex> {
    const { manifest, sha256 } = readManifest(folder);
    if (expected !== undefined && sha256 !== expected) {
      throw new StartError([
        `${folder}: its manifest has changed since it was published; its sha256 is ${sha256}, and it was ${expected}.`,
      ]);
    }
    requireCosine(encoder);
    requireEncoder(folder, manifest, encoder);
    const vectors = await Vectors.open(folder, filesOf(manifest));
    const opened = new OpenIndex(manifest, sha256, vectors);
    try {
      await opened.try(folder, engine, encoder);
    } catch (error) {
      vectors.close();
      throw error;
    }
    return opened;
  }

  /** Bytes that are mapped. */
  get bytes(): number {
    return bytesOf(this.manifest);
  }

  /** To be called before what is looked for is embedded, so that it is searched in this generation; then `release`. */
  use(): this {
    this.#users += 1;
    return this;
  }

  release(): void {
    this.#users -= 1;
    if (this.#isRetired && this.#users === 0) this.vectors.close();
  }

  /** Closes it, once nobody uses it any more. */
  retire(): void {
    this.#isRetired = true;
    if (this.#users === 0) this.vectors.close();
  }

  /** @throws {UnknownField} */
  conditionsOf(filter: Filter): readonly IndexCondition[] {
    return Object.entries(filter).map(([field, wanted]) => {
      const known = this.#codes.get(field);
      if (known === undefined) throw new UnknownField(field, [...this.#codes.keys()]);
      const values = [wanted].flat() as readonly FieldValue[];
      const codes = new Set(values.flatMap((value) => known.codes.get(value) ?? []));
      return { field: known.at, codes: [...codes] };
    });
  }

  /**
   * The lines that are nearest to each vector, best first.
   *
   * @throws {LateSearch}
   */
  async search(
    vectors: readonly Float32Array[],
    search: IndexSearch,
  ): Promise<readonly (readonly Found[])[]> {
    const found = await this.vectors.search(vectors, search);
    return found.map((rows) => rows.map(foundOf));
  }

  /** Embeds the golden rows' texts again, and looks for them. */
  private async try(folder: string, engine: Engine, encoder: ModelInfo): Promise<void> {
    const { golden, rows, encoder: stated } = this.manifest;
    if (golden.length === 0) return;
    const expected = golden.map(({ vector }) => vectorOf(vector));
    const stored = await this.vectors.search(expected, { top: 1, conditions: [] });
    const texts = stored.map(([first]) => (first === undefined ? '' : foundOf(first).text));
    const embedded = await embed(
      engine,
      encoder.name,
      texts.map((text) => stated.prompt + text),
    );
    for (const [at, { row }] of golden.entries()) {
      const [first] = stored[at] ?? [];
      if (row >= rows || first === undefined || first.score < LEAST_COSINE) {
        throw new StartError([`${folder}: row ${row} does not find itself; the index is damaged.`]);
      }
      const cosine = cosineOf(embedded[at]?.vector, expected[at]);
      if (!(cosine >= LEAST_COSINE)) {
        throw new StartError([
          `${folder}: the encoder embeds the text of row ${row} otherwise than when the index was built (cosine ` +
            `${cosine.toFixed(5)}); build the index again.`,
        ]);
      }
    }
  }
}

/** @throws {StartError} when an encoder's vectors are compared by their length, too. */
export function requireCosine({ name, normalized, similarity }: ModelInfo): void {
  if (normalized || similarity === 'cosine') return;
  throw new StartError([
    `${name} gives vectors whose inner products are compared, with their lengths; an index compares angles.`,
  ]);
}

function requireEncoder(
  folder: string,
  { encoder }: Manifest,
  { name, space, precision }: ModelInfo,
): void {
  if (encoder.space === space) return;
  const other =
    encoder.precision === precision
      ? 'its files or options differ'
      : `it was ${encoder.precision}, and ${name} is served as ${precision}`;
  throw new StartError([
    `${folder} was built by another encoder than ${name} is: ${other}. Build it again, or serve its encoder.`,
  ]);
}

function foundOf({ score, entry }: FoundRow): Found {
  return { ...(JSON.parse(entry) as Entry), score };
}

function cosineOf(one: Float32Array | undefined, other: Float32Array | undefined): number {
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
