/**
 * What `chorus index` does where an index is published: in a folder (`publish.ts`), or in a store (`store/`).
 */

import type { Manifest, SearchKind } from './manifest.js';
import type { Recall } from './recall.js';

/** What a person sees of an action that takes long. */
export interface Progress {
  /** So many of so many rows are done. */
  done(rows: number, of: number): void;
  note(line: string): void;
}

export interface Listed {
  readonly generation: string;
  readonly state:
    'served' | 'before' | 'withdrawn' | 'unpublished' | 'damaged' | 'unreadable' | 'unfinished';
  readonly about?: About;
}

/** What is known of a generation that is whole. */
export interface About extends Pick<Manifest, 'created' | 'rows' | 'dimensions' | 'encoder'> {
  /** Of its files; none in a store. */
  readonly bytes?: number;
  readonly fields: readonly string[];
  /** What is not exact may miss what is near. */
  readonly search: SearchKind;
}

/** A generation that is as it was written. */
export interface Verified {
  readonly rows: number;
  readonly search: SearchKind;
  /** When it was built, or copied. */
  readonly recall: Recall;
}

export interface Publisher {
  /** For messages. */
  readonly place: string;
  /**
   * Serves `generation`, which is tried whole before. What is done twice is done once.
   *
   * @throws {StartError} when there is none of that name, or it is damaged.
   */
  publish(generation: string, progress: Progress): Promise<'published' | 'unchanged'>;
  /**
   * Serves the generation that was served before, and withdraws the one that is; gives its name.
   *
   * @throws {StartError} when there was none, or it is damaged.
   */
  rollback(): Promise<string>;
  /** What is there: the one that is served, those before, then the others. */
  list(): Promise<readonly Listed[]>;
  /** @throws {StartError} with what is not as it was written. */
  verify(generation: string): Promise<Verified>;
  /**
   * Removes what is not needed any more: generations that were served before the last `keep`, and what was interrupted.
   * What was never served stays: it may be about to be. Gives their names.
   */
  collect(keep: number): Promise<readonly string[]>;
}
