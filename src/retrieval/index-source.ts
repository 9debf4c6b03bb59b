/**
 * Where a service finds what is published: a folder of its own, or a store that it shares with others.
 */

import type { IndexGeneration } from './generation.js';
import type { IndexDirectory, Named, Pointer } from './index-directory.js';
import { OpenIndex, type Opening } from './open-index.js';

/** Requests that a node of a store has not answered. */
export interface NodeFailures {
  readonly url: string;
  readonly count: number;
}

export interface IndexSource {
  /** For messages. */
  readonly place: string;
  /**
   * What says which generation is published, as it is written: another text, another generation. Nothing where none is.
   *
   * @throws {Error} when it cannot be read.
   */
  written(): string | undefined | Promise<string | undefined>;
  /** What `written` says. @throws {StartError} when it cannot be understood. */
  current(written: string | undefined): Pointer | undefined | Promise<Pointer | undefined>;
  /** @throws {StartError} when it is not whole, or of another encoder, or has no room. */
  open(named: Named, by: Opening): Promise<IndexGeneration>;
  /** Where there are nodes. */
  failures?(): readonly NodeFailures[];
}

/** @throws {StartError} when there is no such folder. */
export function folderSource(directory: IndexDirectory): IndexSource {
  directory.require();
  return {
    place: directory.path,
    written: () => directory.writtenNow(),
    current: (written) => directory.current(written),
    open: ({ generation, manifest }, by) =>
      OpenIndex.open(directory.folderOf(generation), { ...by, expected: manifest }),
  };
}
