/**
 * A generation whose files are mapped here: checked, tried by its encoder, and searched: exactly, where it has no graph.
 */

import { Vectors, type FoundRow, type IndexCondition } from '../engine/native-index.js';
import { StartError } from '../start-error.js';
import {
  UnknownField,
  type Filter,
  type Found,
  type IndexGeneration,
  type IndexSearch,
  type Searchable,
} from './generation.js';
import {
  bytesOf,
  filesOf,
  readManifest,
  searchOf,
  vectorOf,
  type FieldValue,
  type Manifest,
  type SearchKind,
} from './manifest.js';
import type { Entry } from './row-files.js';
import { requireEncoder, requireGolden, type Encoding } from './trial.js';

export interface OpenParts extends Encoding {
  /** The sha256 of the manifest, where it is known. */
  readonly expected?: string;
}

export class OpenIndex implements IndexGeneration {
  #users = 0;
  #isRetired = false;
  readonly #codes: ReadonlyMap<
    string,
    { readonly at: number; readonly codes: ReadonlyMap<FieldValue, number> }
  >;

  private constructor(
    readonly manifest: Manifest,
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
  static async open(folder: string, { expected, ...encoding }: OpenParts): Promise<OpenIndex> {
    const { manifest, sha256 } = readManifest(folder);
    if (expected !== undefined && sha256 !== expected) {
      throw new StartError([
        `${folder}: its manifest has changed since it was published; its sha256 is ${sha256}, and it was ${expected}.`,
      ]);
    }
    requireEncoder(folder, manifest, encoding.encoder);
    const vectors = await Vectors.open(folder, filesOf(manifest));
    const opened = new OpenIndex(manifest, sha256, vectors);
    try {
      const golden = manifest.golden.map(({ vector }) => vectorOf(vector));
      const found = await opened.within({}).search(golden, { top: 1, exact: true });
      await requireGolden(
        folder,
        manifest,
        found.map(([first]) => first),
        encoding,
      );
    } catch (error) {
      vectors.close();
      throw error;
    }
    return opened;
  }

  get bytes(): number {
    return bytesOf(this.manifest);
  }

  get search(): SearchKind {
    return searchOf(this.manifest);
  }

  use(): this {
    this.#users += 1;
    return this;
  }

  release(): void {
    this.#users -= 1;
    if (this.#isRetired && this.#users === 0) this.vectors.close();
  }

  retire(): void {
    this.#isRetired = true;
    if (this.#users === 0) this.vectors.close();
  }

  within(filter: Filter): Searchable {
    const conditions = this.conditionsOf(filter);
    return {
      search: async (vectors: readonly Float32Array[], search: IndexSearch) => {
        const found = await this.vectors.search(vectors, { ...search, conditions });
        return found.map((rows) => rows.map(foundOf));
      },
    };
  }

  private conditionsOf(filter: Filter): readonly IndexCondition[] {
    return Object.entries(filter).map(([field, wanted]) => {
      const known = this.#codes.get(field);
      if (known === undefined) throw new UnknownField(field, [...this.#codes.keys()]);
      const values = [wanted].flat() as readonly FieldValue[];
      const codes = new Set(values.flatMap((value) => known.codes.get(value) ?? []));
      return { field: known.at, codes: [...codes] };
    });
  }
}

function foundOf({ score, entry }: FoundRow): Found {
  return { ...(JSON.parse(entry) as Entry), score };
}
