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
import { indexMemoryOf, type IndexMemory } from './index-memory.js';
import { LoopShare } from './loop-share.js';
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

/** Who opens a generation. */
export interface Opening extends Encoding {
  /** Is told what it takes before it is mapped. @throws {StartError} when there is no room for it. */
  readonly requireRoom?: ((memory: IndexMemory, generation: string) => void) | undefined;
}

export interface OpenParts extends Opening {
  /** The sha256 of the manifest, where it is known. */
  readonly expected?: string;
}

/** A row that is read from memory is compared with so many vectors (`native/kernels`, `scan`). */
const PLACES = 4;

export class OpenIndex implements IndexGeneration {
  readonly places = PLACES;
  readonly memory: IndexMemory;
  #users = 0;
  #isRetired = false;
  private constructor(
    readonly manifest: Manifest,
    readonly digest: string,
    private readonly vectors: Vectors,
    private readonly codes: Codes,
  ) {
    this.memory = indexMemoryOf(manifest);
  }

  /**
   * Opens the generation in `folder`.
   *
   * @throws {StartError} when it is not whole, is another than `expected`, or of another encoder, or has no room.
   */
  static async open(
    folder: string,
    { expected, requireRoom, ...encoding }: OpenParts,
  ): Promise<OpenIndex> {
    const { manifest, sha256 } = await readManifest(folder);
    if (expected !== undefined && sha256 !== expected) {
      throw new StartError([
        `${folder}: its manifest has changed since it was published; its sha256 is ${sha256}, and it was ${expected}.`,
      ]);
    }
    requireEncoder(folder, manifest, encoding.encoder);
    requireRoom?.(indexMemoryOf(manifest), manifest.generation);
    const codes = await codesOf(manifest);
    const vectors = await Vectors.open(folder, filesOf(manifest));
    const opened = new OpenIndex(manifest, sha256, vectors, codes);
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
      const known = this.codes.get(field);
      if (known === undefined) throw new UnknownField(field, [...this.codes.keys()]);
      const values = [wanted].flat() as readonly FieldValue[];
      const codes = new Set(values.flatMap((value) => known.codes.get(value) ?? []));
      return { field: known.at, codes: [...codes] };
    });
  }
}

/** Of each field, its place and the codes of its values. */
type Codes = ReadonlyMap<
  string,
  { readonly at: number; readonly codes: ReadonlyMap<FieldValue, number> }
>;

/** A few milliseconds at a time. */
async function codesOf({ fields }: Manifest): Promise<Codes> {
  const share = new LoopShare();
  const all = new Map<string, { at: number; codes: Map<FieldValue, number> }>();
  for (const [at, { name, values }] of fields.entries()) {
    const codes = new Map<FieldValue, number>();
    for (const [place, value] of values.entries()) {
      codes.set(value, place + 1);
      if (place % 1024 === 0) await share.pause();
    }
    all.set(name, { at, codes });
  }
  return all;
}

function foundOf({ score, entry }: FoundRow): Found {
  return { ...(JSON.parse(entry) as Entry), score };
}
