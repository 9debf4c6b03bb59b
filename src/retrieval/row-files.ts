/**
 * The files of an index that are not vectors: a line for each row, where each begins, and values to filter by.
 */

import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { ROW_FILES } from '../engine/native-index.js';
import { StartError } from '../start-error.js';
import type { CorpusLine } from './corpus.js';
import type { FieldValue, Manifest } from './manifest.js';

/** What a line of `entries.jsonl` says. */
export interface Entry {
  readonly id: string;
  readonly text: string;
  readonly match?: string;
}

/** Values are in the manifest, which is read whole; more of one field is a sign that it tells rows apart. */
const MOST_VALUES = 100_000;
/** Of the values of all fields together. */
const MOST_VALUE_BYTES = 16 << 20;

const FLUSH_BYTES = 1 << 20;

/** Writes them for the lines of a corpus, in order. */
export class RowFiles {
  readonly #entries: Output;
  readonly #offsets: Output;
  readonly #fields: { readonly name: string; readonly codes: Map<FieldValue, number> }[];
  /** Of each field, the codes of all rows. */
  readonly #codes: number[][];
  readonly #texts = new Set<string>();
  #end = 0;
  #rows = 0;
  #valueBytes = 0;

  constructor(
    private readonly folder: string,
    fields: readonly string[],
  ) {
    this.#entries = new Output(join(folder, ROW_FILES.entries));
    this.#offsets = new Output(join(folder, ROW_FILES.offsets));
    this.#offsets.write(offset(0));
    this.#fields = fields.map((name) => ({ name, codes: new Map() }));
    this.#codes = fields.map(() => []);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Rows whose text a row before them has, too. */
  get duplicates(): number {
    return this.#rows - this.#texts.size;
  }

  /** @throws {StartError} when a field has more values, or longer ones, than can be filtered by. */
  add({ id, text, match, values }: CorpusLine): void {
    const entry: Entry = { id, text, ...(match !== undefined && { match }) };
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    this.#entries.write(line);
    this.#end += line.length;
    this.#offsets.write(offset(this.#end));
    this.#texts.add(text);
    this.#rows += 1;
    for (const [at, { name, codes }] of this.#fields.entries()) {
      const known = codes.size;
      this.#codes[at]?.push(codeOf(values[at], codes));
      if (codes.size > known) this.#valueBytes += Buffer.byteLength(String(values[at]));
      if (this.#valueBytes > MOST_VALUE_BYTES) {
        throw new StartError([
          `The values of ${name} are too long to be filtered by: those of all fields may have ${MOST_VALUE_BYTES} bytes.`,
        ]);
      }
      if (codes.size > MOST_VALUES) {
        throw new StartError([
          `${name} has more than ${MOST_VALUES} values; it cannot be filtered by.`,
        ]);
      }
    }
  }

  /**
   * What the manifest says of the fields; all files are on the disk when it returns.
   *
   * @throws {StartError} when no line has a field's key.
   */
  finish(): Manifest['fields'] {
    const unknown = this.#fields.filter(({ codes }) => this.#rows > 0 && codes.size === 0);
    if (unknown.length > 0) {
      throw new StartError(unknown.map(({ name }) => `No line has the key ${name} to filter by.`));
    }
    const fields = new Output(join(this.folder, ROW_FILES.fields));
    for (const codes of this.#codes) fields.write(Buffer.from(Uint32Array.from(codes).buffer));
    for (const output of [this.#entries, this.#offsets, fields]) output.finish();
    return this.#fields.map(({ name, codes }) => ({ name, values: [...codes.keys()] }));
  }
}

function codeOf(value: FieldValue | undefined, codes: Map<FieldValue, number>): number {
  if (value === undefined) return 0;
  const code = codes.get(value) ?? codes.size + 1;
  codes.set(value, code);
  return code;
}

function offset(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A file that is written from its beginning. */
class Output {
  readonly #file: number;
  #waiting: Buffer[] = [];
  #bytes = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  write(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= FLUSH_BYTES) this.flush();
  }

  finish(): void {
    this.flush();
    fsyncSync(this.#file);
    closeSync(this.#file);
  }

  private flush(): void {
    const all = Buffer.concat(this.#waiting);
    for (let at = 0; at < all.length; at += writeSync(this.#file, all, at));
    this.#waiting = [];
    this.#bytes = 0;
  }
}
