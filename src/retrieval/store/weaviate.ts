/**
 * What of Weaviate's interface is used: collections, aliases, objects and searches (https://docs.weaviate.io, 1.32 or newer).
 *
 * By HTTP and not by its client: that one takes two ports, knows one node, cannot be called off, and brings 44 packages.
 */

import { LargeSearch } from '../../engine/native-index.js';
import { dataOf, done, orNothing, StoreRefusal } from './answers.js';
import { faultIn, NodeTrouble, type StoreAnswer, type StoreNodes } from './nodes.js';
import {
  fieldName,
  knownRowsOf,
  likeQueryOf,
  nearRowsOf,
  queryOf,
  rowsQueryOf,
  type KnownRow,
  type Nearest,
  type NearRow,
} from './query.js';
import { Turns } from './turns.js';

export interface Collection {
  readonly class: string;
  readonly description?: string;
  readonly replicationConfig?: { readonly factor?: number };
  readonly shardingConfig?: { readonly desiredCount?: number };
}

export interface StoredRow {
  readonly row: number;
  readonly vector: Float32Array;
  /** The line of JSON that is answered. */
  readonly entry: string;
  /** Of each field, as of `writtenValue`; nothing where the row has none. */
  readonly values: readonly (string | undefined)[];
}

export interface StoreNode {
  readonly name: string;
  readonly isHealthy: boolean;
  /** Whether it keeps a vector on the disk before it says that it has it, and not some time after. */
  readonly isSafe: boolean;
}

export interface Shape {
  readonly name: string;
  readonly description: string;
  readonly fields: number;
  readonly replicas: number;
  readonly shards: number;
}

/** Searched at once: a request with hundreds of texts is not one long query. */
const PARTS = 4;
/** Lines of one answer, as of files that are mapped. */
const MOST_LINES_BYTES = 8 << 20;
/** At a time, of this process; each may be answered by twice those lines. */
export const SEARCHES = 32;
const WRITE_TIMEOUT_MS = 60_000;
/** One less a cosine, in f32: rows with the same vector. */
const SAME = 1e-4;

/** HNSW as it was measured: of a million rows the nearest was found for 97 to 99 of 100 paraphrases at ef 256. */
const HNSW = { distance: 'cosine', maxConnections: 16, efConstruction: 128, ef: 256 };

export class Weaviate {
  readonly #turns = new Turns(SEARCHES);

  constructor(readonly nodes: StoreNodes) {}

  async members(): Promise<readonly StoreNode[]> {
    const { nodes } = (await this.get('/v1/nodes?output=verbose')) as {
      nodes: readonly NodeStatus[];
    };
    return nodes.map(({ name, status, batchStats }) => ({
      name,
      isHealthy: status === 'HEALTHY',
      // With ASYNC_INDEXING vectors wait on the disk, and there is no queue in memory to tell of.
      isSafe: batchStats?.queueLength === undefined,
    }));
  }

  /** Vectors that are kept and not searched yet, on all nodes. */
  async waiting(name: string): Promise<number> {
    const found = await this.get(`/v1/nodes/${name}?output=verbose`);
    const { nodes } = found as { nodes: readonly NodeStatus[] };
    const shards = nodes.flatMap(({ shards }) => shards ?? []);
    return shards.reduce((sum, { vectorQueueLength = 0 }) => sum + vectorQueueLength, 0);
  }

  /** Those nodes that answer now, by their URLs. */
  async answering(): Promise<readonly string[]> {
    const request = { method: 'GET', path: '/v1/.well-known/ready' } as const;
    const answers = this.nodes.urls.map((url) =>
      this.nodes.ask(request, ({ status }) => status < 300, { url }).catch(() => false),
    );
    const isReady = await Promise.all(answers);
    return this.nodes.urls.filter((_, at) => isReady[at]);
  }

  async collections(): Promise<readonly Collection[]> {
    const { classes = [] } = (await this.get('/v1/schema')) as { classes?: Collection[] };
    return classes;
  }

  /** Nothing where there is none of that name. */
  async collection(name: string): Promise<Collection | undefined> {
    const request = { method: 'GET', path: `/v1/schema/${name}` } as const;
    return (await this.nodes.ask(request, orNothing)) as Collection | undefined;
  }

  /** One of that name that is there already is another publisher's, or a request that was cut off has made it. */
  async create({ name, description, fields, replicas, shards }: Shape): Promise<void> {
    const hidden = { indexFilterable: false, indexSearchable: false };
    const properties = [
      { name: 'row', dataType: ['int'], indexFilterable: false },
      { name: 'entry', dataType: ['text'], ...hidden },
      ...Array.from({ length: fields }, (_, at) => ({
        ...{ name: fieldName(at), dataType: ['text'], tokenization: 'field' },
        ...{ indexFilterable: true, indexSearchable: false },
      })),
    ];
    const definition = {
      class: name,
      description,
      properties,
      vectorizer: 'none',
      vectorIndexType: 'hnsw',
      vectorIndexConfig: HNSW,
      replicationConfig: { factor: replicas },
      shardingConfig: { desiredCount: shards },
    };
    await this.write('POST', '/v1/schema', definition).catch(async (error: unknown) => {
      const found = error instanceof StoreRefusal ? await this.collection(name) : undefined;
      if (found === undefined) throw error;
    });
  }

  async describe(name: string, description: string): Promise<void> {
    const collection = await this.collection(name);
    if (collection === undefined) throw new StoreRefusal(`there is no collection ${name}`);
    await this.write('PUT', `/v1/schema/${name}`, { ...collection, description });
  }

  async remove(name: string): Promise<void> {
    await this.write('DELETE', `/v1/schema/${name}`);
  }

  /** The collection that `alias` stands for, as the node that leads knows it; nothing where it is none. */
  async aliased(alias: string): Promise<string | undefined> {
    const request = { method: 'GET', path: `/v1/aliases/${alias}` } as const;
    const found = await this.nodes.ask(request, orNothing);
    return (found as { class: string } | undefined)?.class;
  }

  async point(alias: string, name: string): Promise<void> {
    if ((await this.aliased(alias)) === undefined) {
      const made = this.write('POST', '/v1/aliases', { alias, class: name });
      const refusal = await made.catch((error: unknown) => error);
      if (refusal === undefined) return;
      // It is there now: a request that was cut off was done, or another publisher came first.
      const isThere = refusal instanceof StoreRefusal && (await this.aliased(alias)) !== undefined;
      if (!isThere) throw refusal as Error;
    }
    await this.write('PUT', `/v1/aliases/${alias}`, { class: name });
  }

  /** Writes rows on every replica; the same rows may be written again. */
  async put(name: string, rows: readonly StoredRow[]): Promise<void> {
    const objects = rows.map(({ row, vector, entry, values }) => ({
      class: name,
      id: idOf(row),
      // Nine digits are all that f32 has.
      vector: Array.from(vector, (value) => Number(value.toPrecision(9))),
      properties: {
        ...{ row, entry },
        ...Object.fromEntries(values.map((value, at) => [fieldName(at), value])),
      },
    }));
    const path = '/v1/batch/objects?consistency_level=ALL';
    const request = { method: 'POST', path, body: JSON.stringify({ objects }) } as const;
    const read = (answer: StoreAnswer) => {
      const results = done(answer) as readonly Written[];
      const refused = results.find(({ result }) => result?.errors !== undefined);
      if (results.length === rows.length && refused === undefined) return;
      throw new NodeTrouble(faultIn(JSON.stringify(refused?.result ?? 'rows are missing')));
    };
    await this.nodes.ask(request, read, { timeoutMs: WRITE_TIMEOUT_MS });
  }

  /** How many rows the node at `url` has, or counts by asking others where it has none itself. */
  count(name: string, url: string): Promise<number> {
    const body = JSON.stringify({ query: `{Aggregate{${name}{meta{count}}}}` });
    const read = (answer: StoreAnswer) => {
      const { Aggregate: counts = {} } = dataOf(answer) as { Aggregate?: Record<string, Counts> };
      const [counted] = counts[name] ?? [];
      if (counted === undefined) throw new NodeTrouble('it counts nothing');
      return counted.meta.count;
    };
    return this.nodes.ask({ method: 'POST', path: '/v1/graphql', body }, read, { url });
  }

  /** Those of `rows` that the node at `url` does not find by their own vectors. */
  async lost(name: string, rows: readonly number[], url: string): Promise<readonly number[]> {
    const body = JSON.stringify({ query: likeQueryOf(name, rows.map(idOf)) });
    const read = (answer: StoreAnswer) => nearRowsOf(dataOf(answer), rows.length);
    const request = { method: 'POST', path: '/v1/graphql', body } as const;
    const found = await this.nodes.ask(request, read, { url, timeoutMs: WRITE_TIMEOUT_MS });
    return rows.filter((_, at) => (found[at]?.[0]?.distance ?? 2) > SAME);
  }

  /** Those of `rows` that there are. */
  rows(name: string, rows: readonly number[]): Promise<readonly KnownRow[]> {
    const body = JSON.stringify({ query: rowsQueryOf(name, rows.map(idOf)) });
    const read = (answer: StoreAnswer) => knownRowsOf(name, dataOf(answer));
    return this.nodes.ask({ method: 'POST', path: '/v1/graphql', body }, read);
  }

  /**
   * The rows that are nearest to each vector, best first.
   *
   * @throws {StoreTrouble}
   * @throws {LateSearch}
   * @throws {LargeSearch}
   * @throws the reason of `wanted.signal`, where it is aborted: no node is asked any more.
   */
  async nearest(
    name: string,
    vectors: readonly Float32Array[],
    wanted: Nearest,
  ): Promise<readonly (readonly NearRow[])[]> {
    const size = Math.max(1, Math.ceil(vectors.length / PARTS));
    const parts = Array.from({ length: Math.ceil(vectors.length / size) }, (_, at) =>
      vectors.slice(at * size, (at + 1) * size),
    );
    const found = (
      await Promise.all(parts.map((part) => this.nearestOf(name, part, wanted)))
    ).flat();
    const bytes = found.flat().reduce((sum, { entry }) => sum + entry.length, 0);
    if (bytes > MOST_LINES_BYTES) {
      throw new LargeSearch(`${found.flat().length} lines of ${bytes} bytes`);
    }
    return found;
  }

  private nearestOf(
    name: string,
    vectors: readonly Float32Array[],
    wanted: Nearest,
  ): Promise<readonly (readonly NearRow[])[]> {
    const request = {
      ...({ method: 'POST', path: '/v1/graphql', mostBytes: 2 * MOST_LINES_BYTES } as const),
      body: JSON.stringify({ query: queryOf(name, vectors, wanted) }),
    };
    const read = (answer: StoreAnswer) => {
      const found = nearRowsOf(dataOf(answer), vectors.length);
      if (found.every(({ length }) => 2 * length >= wanted.least)) return found;
      throw new NodeTrouble('it finds less than it has');
    };
    const { deadlineMs = Infinity, url, signal } = wanted;
    return this.#turns.run(deadlineMs, (leftMs) =>
      this.nodes.ask(request, read, { deadlineMs: leftMs, url, signal }),
    );
  }

  private get(path: string): Promise<unknown> {
    return this.nodes.ask({ method: 'GET', path }, done);
  }

  private async write(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<void> {
    const request = { method, path, ...(body && { body: JSON.stringify(body) }) };
    await this.nodes.ask(request, done, { timeoutMs: WRITE_TIMEOUT_MS });
  }
}

interface NodeStatus {
  readonly name: string;
  readonly status: string;
  readonly batchStats?: { readonly queueLength?: number };
  readonly shards?: readonly { readonly vectorQueueLength?: number }[] | null;
}

type Counts = readonly { readonly meta: { readonly count: number } }[];

interface Written {
  readonly result?: { readonly errors?: unknown };
}

/** Of a row always the same, so that what is written again is no second row. */
function idOf(row: number): string {
  return `00000000-0000-5000-8000-${row.toString(16).padStart(12, '0')}`;
}
