/**
 * An index in a store: collections that are its generations, and an alias that names the one that is served.
 *
 *     Chorus                  alias of the collection that is served
 *     Chorus_<digest>         a generation, by the digest of its manifest; what it is, its description says (`stored.ts`)
 */

import { StartError } from '../../start-error.js';
import type { IndexGeneration } from '../generation.js';
import type { Named, Pointer } from '../index-directory.js';
import type { IndexSource, NodeFailures } from '../index-source.js';
import { vectorOf } from '../manifest.js';
import type { Entry } from '../row-files.js';
import {
  cosineOf,
  requireEncoder,
  requireGolden,
  type Encoding,
  type GoldenRow,
} from '../trial.js';
import { StoreRefusal } from './answers.js';
import { StoreNodes, StoreTrouble, type NodesOptions } from './nodes.js';
import { persistently, type Patience } from './patience.js';
import { descriptionOf, namedOf, readStored, type Stored } from './stored.js';
import { StoredGeneration } from './stored-generation.js';
import { Weaviate } from './weaviate.js';

export interface StoreOptions extends NodesOptions {
  /** Of the alias; several indexes of one store have several. */
  readonly name: string;
  /** How to wait for nodes that are being started, or are choosing who leads; absent: not at all. */
  readonly patience?: StorePatience | undefined;
}

export interface StorePatience {
  readonly ms: number;
  /** Is told what is wrong with nodes while they are waited for, the same thing once. */
  readonly onWait: (troubles: string) => void;
}

/** So much of a digest tells generations apart. */
const DIGITS = 32;

export class IndexStore implements IndexSource {
  readonly weaviate: Weaviate;
  readonly name: string;
  readonly place: string;
  readonly nodes: StoreNodes;

  readonly #patience: Patience | undefined;

  constructor(options: StoreOptions) {
    const { patience } = options;
    this.nodes = new StoreNodes(options);
    let told = '';
    this.#patience = patience && {
      ms: patience.ms,
      onWait: () => {
        const troubles = this.nodes.troubles.join('; ');
        // Without any, it is what was asked that takes long.
        if (troubles !== '' && troubles !== told) patience.onWait(troubles);
        told = troubles;
      },
    };
    this.weaviate = new Weaviate(this.nodes);
    this.name = options.name;
    this.place = `${options.name} in the store ${options.urls.join(', ')}`;
  }

  /** The collection that is served. */
  written(): Promise<string | undefined> {
    return this.asked(() => this.weaviate.aliased(this.name));
  }

  async current(collection: string | undefined): Promise<Pointer | undefined> {
    if (collection === undefined) return undefined;
    const stored = await this.stored(collection);
    return { ...namedOf(stored), previous: [...stored.previous] };
  }

  async open({ generation, manifest }: Named, by: Encoding): Promise<IndexGeneration> {
    const collection = this.collectionOf(manifest);
    const stored = await this.stored(collection);
    const place = `${generation} of ${this.place}`;
    if (stored.manifest !== manifest || stored.generation !== generation) {
      throw new StartError([`${place}: its collection ${collection} is another generation.`]);
    }
    if (!stored.isWhole) throw new StartError([`${place}: not all of its rows are there yet.`]);
    const opened = new StoredGeneration(this.weaviate, collection, stored);
    requireEncoder(place, opened.manifest, by.encoder);
    await requireGolden(place, opened.manifest, await this.golden(collection, stored), by);
    return opened;
  }

  /** The golden rows by their ids: a graph that does not lead to one of many rows is no fault of its generation. */
  private async golden(
    collection: string,
    { golden }: Stored,
  ): Promise<readonly (GoldenRow | undefined)[]> {
    const numbers = golden.map(({ row }) => row);
    const rows = await this.asked(() => this.weaviate.rows(collection, numbers));
    return golden.map(({ row, vector }) => {
      const found = rows.find((each) => each.row === row);
      if (found === undefined) return undefined;
      const { text } = JSON.parse(found.entry) as Entry;
      return { text, score: cosineOf(found.vector, vectorOf(vector)) };
    });
  }

  failures(): readonly NodeFailures[] {
    return this.nodes.failures;
  }

  collectionOf(manifest: string): string {
    return `${this.name}_${manifest.slice(0, DIGITS)}`;
  }

  /** Its generations, whole or not. */
  async all(): Promise<readonly { readonly collection: string; readonly stored: Stored }[]> {
    const collections = await this.asked(() => this.weaviate.collections());
    return collections.flatMap(({ class: collection, description }) => {
      const stored = readStored(description);
      const isOwn = stored !== undefined && collection === this.collectionOf(stored.manifest);
      return isOwn ? [{ collection, stored }] : [];
    });
  }

  async describe(collection: string, stored: Stored): Promise<void> {
    const description = descriptionOf(stored);
    await this.asked(() => this.weaviate.describe(collection, description));
  }

  /** What `ask` gives, whatever is wrong with the store told as a line. @throws {StartError} */
  async asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await (this.#patience ? persistently(ask, this.#patience) : ask());
    } catch (error) {
      if (!(error instanceof StoreTrouble || error instanceof StoreRefusal)) throw error;
      throw new StartError([`${error.message}.`]);
    }
  }

  /** @throws {StartError} when there is no such collection, or it is another's. */
  async stored(collection: string): Promise<Stored> {
    const found = await this.asked(() => this.weaviate.collection(collection));
    if (found === undefined) {
      throw new StartError([`${this.place} has no collection ${collection}.`]);
    }
    const stored = readStored(found.description);
    if (stored !== undefined) return stored;
    throw new StartError([
      `${this.place}: the collection ${collection} is not one that this version of chorus index has published.`,
    ]);
  }
}
