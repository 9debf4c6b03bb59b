/**
 * The folder of an index: its generations, and the pointer to the one that is served.
 *
 *     current               which generation is served, and which were before it
 *     generations/<name>/   whole ones, never written again
 *     building/<name>/      one that is being made
 *
 * `current` is replaced by rename, so whoever reads it finds one whole pointer, the old or the new.
 */

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { replaceFile } from '../files/replace-file.js';
import { StartError } from '../start-error.js';
import { GENERATION_NAME } from './manifest.js';

const named = z.strictObject({
  generation: z.string().regex(GENERATION_NAME),
  /** The sha256 of its manifest. */
  manifest: z.string().regex(/^[0-9a-f]{64}$/),
});

const servedBefore = z.strictObject({
  ...named.shape,
  /** Whether it was rolled back from: it does not come back by itself. */
  withdrawn: z.literal(true).optional(),
});

/** What a pointer says, in a folder or a store. */
export const pointerParts = {
  manifest: named.shape.manifest,
  /** Those that were served before, the last one first. */
  previous: z.array(servedBefore),
};

const pointer = z.strictObject({ ...named.shape, ...pointerParts });

/** A generation, by its name and the digest of its manifest. */
export type Named = Readonly<z.infer<typeof named>>;

export type ServedBefore = Readonly<z.infer<typeof servedBefore>>;

export type Pointer = Readonly<z.infer<typeof pointer>>;

/** How many generations before are remembered: gc removes no others, and a pointer is read whole. */
export const REMEMBERED = 100;

/** Behind the name of a generation whose removal was begun. */
const REMOVED = '.removed';
/** Also of what was being removed. */
const UNFINISHED_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

export class IndexDirectory {
  readonly generations: string;
  readonly building: string;
  readonly #current: string;

  constructor(readonly path: string) {
    this.generations = join(path, 'generations');
    this.building = join(path, 'building');
    this.#current = join(path, 'current');
  }

  /** @throws {StartError} when there is no such folder. */
  require(): void {
    if (isFolder(this.path)) return;
    throw new StartError([
      `${this.path} is not a folder; chorus index build and publish make an index in it.`,
    ]);
  }

  folderOf(generation: string): string {
    return join(this.generations, generation);
  }

  /** Names of the whole generations, in the order of the alphabet. */
  names(): readonly string[] {
    return namesIn(this.generations, GENERATION_NAME);
  }

  /** Names of those that are being made, or were when it was interrupted. */
  unfinished(): readonly string[] {
    return namesIn(this.building, UNFINISHED_NAME);
  }

  has(generation: string): boolean {
    return isFolder(this.folderOf(generation));
  }

  /** The pointer as it is written, to see whether it has changed; nothing where none is. */
  written(): string | undefined {
    try {
      return readFileSync(this.#current, 'utf8');
    } catch (error) {
      this.requireMissing(error);
      return undefined;
    }
  }

  /** The same for who must not wait for a disk. */
  async writtenNow(): Promise<string | undefined> {
    try {
      return await readFile(this.#current, 'utf8');
    } catch (error) {
      this.requireMissing(error);
      return undefined;
    }
  }

  /** @throws {StartError} where the pointer is there, and `error` is why it cannot be read. */
  private requireMissing(error: unknown): void {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new StartError([`${this.#current}: ${(error as Error).message}`]);
  }

  /**
   * What is served; nothing where nothing was published.
   *
   * @throws {StartError} when it cannot be read, or is no pointer.
   */
  current(written = this.written()): Pointer | undefined {
    if (written === undefined) return undefined;
    try {
      return pointer.parse(JSON.parse(written));
    } catch {
      throw new StartError([
        `${this.#current} does not name a generation; chorus index publish writes it anew.`,
      ]);
    }
  }

  /** Serves `next` instead; `previous`: what may come back. On the disk when it returns. */
  point(next: Named, previous: readonly ServedBefore[]): void {
    const text = `${JSON.stringify({ ...next, previous: previous.slice(0, REMEMBERED) })}\n`;
    replaceFile(this.#current, text);
    syncFolder(this.path);
  }

  /** Gives a generation that is whole its place; nobody has seen it before. */
  settle(generation: string): void {
    mkdirSync(this.generations, { recursive: true });
    syncFolder(join(this.building, generation));
    renameSync(join(this.building, generation), this.folderOf(generation));
    syncFolder(this.generations);
  }

  /** Who has files of it open reads on. */
  remove(generation: string): void {
    // First out of the way, so that nobody finds half of it.
    const doomed = join(this.building, `${generation}${REMOVED}`);
    mkdirSync(this.building, { recursive: true });
    rmSync(doomed, { recursive: true, force: true });
    renameSync(this.folderOf(generation), doomed);
    rmSync(doomed, { recursive: true, force: true });
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/** A link to a folder is one. */
function namesIn(folder: string, pattern: RegExp): readonly string[] {
  if (!isFolder(folder)) return [];
  return readdirSync(folder)
    .filter((name) => pattern.test(name) && isFolder(join(folder, name)))
    .sort();
}
