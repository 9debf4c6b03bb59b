/**
 * Which generation is served: published, taken back, and what may go.
 *
 * All of it changes the pointer alone, which is replaced in one step; services follow it. Whatever is done twice is done
 * once.
 */

import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { Vectors } from '../engine/native-index.js';
import { Lock } from '../files/lock.js';
import { isNoRoom } from '../files/no-room.js';
import { isNotAllowed } from '../files/not-allowed.js';
import { StartError } from '../start-error.js';
import type { IndexDirectory, Pointer, ServedBefore } from './index-directory.js';
import { lastOf, stateOf, withdrawn } from './served-before.js';
import {
  bytesOf,
  filesOf,
  MANIFEST,
  readManifest,
  searchOf,
  type Manifest,
  type ManifestFile,
} from './manifest.js';
import type { Listed, Publisher } from './publisher.js';

/** What is published in a folder. */
export function folderPublisher(directory: IndexDirectory): Publisher {
  return {
    place: directory.path,
    publish: (generation) => publish(directory, generation),
    rollback: () => rollback(directory),
    list: () => list(directory),
    verify: async (generation) => {
      const { manifest } = await verify(directory, generation);
      const { rows, statistics } = manifest;
      return { rows, search: searchOf(manifest), recall: statistics };
    },
    collect: (keep) => collect(directory, keep),
  };
}

export async function publish(
  directory: IndexDirectory,
  generation: string,
): Promise<'published' | 'unchanged'> {
  return locked(directory, async () => {
    const { sha256 } = await verify(directory, generation);
    const current = currentOf(directory);
    if (current?.generation === generation && current.manifest === sha256) return 'unchanged';
    directory.point({ generation, manifest: sha256 }, current ? before(current, generation) : []);
    return 'published';
  });
}

export async function rollback(directory: IndexDirectory): Promise<string> {
  return locked(directory, async () => {
    const pointer = directory.current();
    const last = lastOf(pointer);
    if (pointer === undefined || last === undefined) {
      throw new StartError([`${directory.path}: no generation was served before the one that is.`]);
    }
    await verify(directory, last.generation);
    directory.point(last, withdrawn(pointer, last));
    return last.generation;
  });
}

/** @throws {StartError} with the first file that is not what the manifest says. */
export async function verify(directory: IndexDirectory, generation: string): Promise<ManifestFile> {
  if (!directory.has(generation)) {
    const names = directory.names();
    const there = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`;
    throw new StartError([`${directory.path} has no generation ${generation}; ${there}.`]);
  }
  const folder = directory.folderOf(generation);
  const found = await readManifest(folder);
  const { manifest } = found;
  if (manifest.generation !== generation) {
    throw new StartError([
      `${folder} is the generation ${manifest.generation} under another name.`,
    ]);
  }
  const published = digestOf(directory, generation);
  if (published !== undefined && published !== found.sha256) {
    throw new StartError([`${folder}: its manifest has changed since it was published.`]);
  }
  const opened = await Vectors.open(folder, filesOf(manifest));
  opened.close();
  return found;
}

export async function list(directory: IndexDirectory): Promise<readonly Listed[]> {
  directory.require();
  const pointer = directory.current();
  const published = pointer === undefined ? [] : [pointer, ...pointer.previous];
  const order = [
    ...new Set([...published.map(({ generation }) => generation), ...directory.names()]),
  ];
  const listed = async (generation: string): Promise<Listed> => {
    try {
      const { manifest, sha256 } = await readManifest(directory.folderOf(generation));
      const at = published.findIndex((named) => named.generation === generation);
      const isOther = at >= 0 && published[at]?.manifest !== sha256;
      if (isOther || !haveLengths(directory.folderOf(generation), manifest)) {
        return { generation, state: 'damaged' };
      }
      const state = stateOf(published, at);
      const { created, rows, dimensions, encoder, fields } = manifest;
      const names = fields.map(({ name }) => name);
      const bytes = bytesOf(manifest);
      return {
        generation,
        state,
        about: {
          ...{ created, rows, dimensions, encoder, bytes, fields: names },
          search: searchOf(manifest),
        },
      };
    } catch {
      const isUnread = isClosed(join(directory.folderOf(generation), MANIFEST));
      return { generation, state: isUnread ? 'unreadable' : 'damaged' };
    }
  };
  const whole: Listed[] = [];
  for (const generation of order) whole.push(await listed(generation));
  const unfinished = directory.unfinished().map((generation): Listed => {
    return { generation, state: 'unfinished' };
  });
  return [...whole, ...unfinished];
}

export async function collect(directory: IndexDirectory, keep: number): Promise<readonly string[]> {
  return locked(directory, () => {
    const pointer = directory.current();
    // Before a pointer is written, which a full disk has no room for.
    const removed = removeUnfinished(directory);
    if (pointer !== undefined) {
      const { generation, manifest, previous } = pointer;
      const doomed = previous.slice(keep);
      const point = () => {
        directory.point({ generation, manifest }, previous.slice(0, keep));
      };
      // The pointer first: what it names is there. Where there is no room for it, they make some.
      const isPointed = doomed.length === 0 || hasRoomFor(point);
      for (const { generation } of doomed) {
        if (!directory.has(generation)) continue;
        directory.remove(generation);
        removed.push(generation);
      }
      if (!isPointed) point();
    }
    return Promise.resolve(removed);
  });
}

/** What was interrupted; whoever is at one keeps it. */
function removeUnfinished(directory: IndexDirectory): string[] {
  return directory.unfinished().filter((generation) => {
    const lock = Lock.tryTake(join(directory.building, `${generation}.lock`));
    if (lock === undefined) return false;
    rmSync(join(directory.building, generation), { recursive: true, force: true });
    lock.release();
    return true;
  });
}

function hasRoomFor(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    return false;
  }
}

/** What is served now, then what was before, without `generation`. */
function before({ generation, manifest, previous }: Pointer, next: string): ServedBefore[] {
  return [{ generation, manifest }, ...previous].filter((named) => named.generation !== next);
}

/** Whether the files of a generation are there, each as long as its manifest says: what `verify` reads them for is more. */
function haveLengths(folder: string, { files }: Manifest): boolean {
  return files.every(({ name, bytes }) => {
    return statSync(join(folder, name), { throwIfNoEntry: false })?.size === bytes;
  });
}

/**
 * As of `IndexDirectory.current`, where a damaged pointer is going to be written anew.
 *
 * @throws {StartError} when it cannot be read: nobody knows whether it is damaged.
 */
function currentOf(directory: IndexDirectory): Pointer | undefined {
  const written = directory.written();
  try {
    return directory.current(written);
  } catch {
    return undefined;
  }
}

/** The digest that a generation had when it was published; none where it was not. */
function digestOf(directory: IndexDirectory, generation: string): string | undefined {
  const pointer = currentOf(directory);
  const named = pointer === undefined ? [] : [pointer, ...pointer.previous];
  return named.find((each) => each.generation === generation)?.manifest;
}

/** Alone among those that change the pointer. */
async function locked<T>(directory: IndexDirectory, change: () => Promise<T>): Promise<T> {
  directory.require();
  try {
    const lock = lockOf(directory);
    try {
      return await change();
    } finally {
      lock.release();
    }
  } catch (error) {
    throw isNoRoom(error) ? noRoom(directory, error as Error) : error;
  }
}

function noRoom({ path }: IndexDirectory, { message }: Error): StartError {
  return new StartError([
    `There is no room left in ${path} (${message}); what is served goes on. Make room, or chorus index gc does.`,
  ]);
}

/** @throws {StartError} when somebody else has it, or this user may not write there. */
function lockOf({ path }: IndexDirectory): Lock {
  try {
    return Lock.take(join(path, 'lock'));
  } catch (error) {
    if (!isNotAllowed(error)) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError([
      `${path} cannot be written to by this user (${code}); what is published there is changed by one who may.`,
    ]);
  }
}

/** Whether this user may not read `file`: what is in it, nobody knows then. */
function isClosed(file: string): boolean {
  try {
    closeSync(openSync(file, 'r'));
    return false;
  } catch (error) {
    return isNotAllowed(error);
  }
}
