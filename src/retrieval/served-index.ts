/**
 * The generation that is served: what the index' pointer names, followed while it changes.
 *
 * Another generation is opened and tried beside the one that is served, and takes its place between two requests; a
 * request ends in the generation that it began in. One that cannot be served is told, and nothing else happens. At a
 * start the last generation before it is served instead.
 */

import { StartError } from '../start-error.js';
import type { IndexGeneration } from './generation.js';
import type { Named } from './index-directory.js';
import { NO_MEMORY, type IndexMemory } from './index-memory.js';
import type { IndexSource } from './index-source.js';
import { Tally, type IndexStats } from './index-stats.js';
import type { Opening } from './open-index.js';
import { SearchPace, type OpenSearch } from './search-pace.js';
import type { Encoding } from './trial.js';

/** What becomes of generations. */
export type IndexEvent =
  | {
      readonly what: 'serving';
      readonly generation: string;
      readonly rows: number;
      readonly seconds: number;
    }
  /** `error` names files or nodes: it is for the log. */
  | { readonly what: 'refused'; readonly generation: string | undefined; readonly error: string }
  | { readonly what: 'unavailable'; readonly generation: string; readonly error: string };

export interface ServedParts extends Encoding {
  readonly source: IndexSource;
  /**
   * Whether there is room for `next` beside the generation that is served, which takes `beside`.
   *
   * @throws {StartError} when there is not.
   */
  readonly requireRoom?: (next: IndexMemory, beside: IndexMemory, generation: string) => void;
  readonly onEvent: (event: IndexEvent) => void;
}

export interface StartParts extends ServedParts {
  /**
   * What is served meanwhile. Where what is published cannot be served, no other generation than its own may be instead,
   * and what it has counted is counted on.
   */
  readonly before?: ServedIndex | undefined;
}

const FOLLOW_MS = 250;
/** What could not be opened is tried again, each time after twice as long: its files may have been on their way. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** What fails goes on failing: the log is told of it now and then. */
const TELL_AGAIN_MS = 10_000;

/** A disk that says nothing for so long is told; requests do not wait for it. */
const LONGEST_READ_MS = 10_000;

export class ServedIndex {
  #current: IndexGeneration;
  /** The pointer that was followed last. */
  #written: string | undefined;
  #isBehind: boolean;
  /** What was told of the pointer as it is, where it cannot be followed. */
  #told: string | undefined;
  #triedAt = performance.now();
  #waitMs = FIRST_WAIT_MS;
  #isOpening = false;
  #isUnread = false;
  /** Since when the pointer is being read, where it is. */
  #readSince: number | undefined;
  #isClosed = false;
  readonly #timer: NodeJS.Timeout;
  #failureToldAt = -Infinity;
  readonly #pace = new SearchPace();

  private constructor(
    private readonly parts: ServedParts,
    first: IndexGeneration,
    written: string | undefined,
    isBehind: boolean,
    private readonly tally: Tally,
  ) {
    this.#current = first;
    this.#written = written;
    this.#isBehind = isBehind;
    this.#timer = setInterval(() => void this.follow(), FOLLOW_MS).unref();
  }

  /**
   * Opens what is published, or, at the start of a process, the last before it that can be served.
   *
   * @throws {StartError} when nothing is published, or nothing of it can be served, with every reason.
   */
  static async start({ before, ...parts }: StartParts): Promise<ServedIndex> {
    const { source, onEvent } = parts;
    const written = await source.written();
    const pointer = await source.current(written);
    if (pointer === undefined) {
      throw new StartError([
        `${source.place} has no published generation; chorus index publish makes one of those in it.`,
      ]);
    }
    const faults: string[] = [];
    const instead = pointer.previous.filter(({ withdrawn, manifest }) => {
      return withdrawn !== true && (before === undefined || manifest === before.current.digest);
    });
    for (const named of [pointer, ...instead]) {
      try {
        const opened = await source.open(named, openingOf(parts, NO_MEMORY));
        const tally = before?.tally ?? new Tally();
        return new ServedIndex(parts, opened, written, faults.length > 0, tally);
      } catch (error) {
        const lines = linesOf(error);
        faults.push(...lines);
        onEvent({ what: 'refused', generation: named.generation, error: lines.join(' ') });
      }
    }
    throw new StartError(faults);
  }

  /** What is served now. */
  get current(): IndexGeneration {
    return this.#current;
  }

  /** A request is let in that looks for so many texts. */
  accepted(texts: number): OpenSearch {
    return this.#pace.accepted(texts, this.#current.places);
  }

  /** What a request for so many texts meets, in milliseconds: until its turn, and from then on. */
  outlook(texts: number): { readonly waitMs: number; readonly serviceMs: number } {
    const { places } = this.#current;
    return {
      waitMs: this.#pace.waitMs(texts, places),
      serviceMs: this.#pace.serviceMs(texts, places),
    };
  }

  /** So many seconds a search has taken, its wait included. */
  searched(seconds: number): void {
    this.tally.seconds.observe(seconds);
  }

  /** A search has failed since the index could not be reached. */
  searchFailed({ message }: Error): void {
    this.tally.failedSearches += 1;
    const now = performance.now();
    if (now - this.#failureToldAt < TELL_AGAIN_MS) return;
    this.#failureToldAt = now;
    const { generation } = this.#current.manifest;
    this.parts.onEvent({ what: 'unavailable', generation, error: message });
  }

  stats(): IndexStats {
    const { manifest, bytes, search } = this.#current;
    const { generation, rows, dimensions, statistics } = manifest;
    const { recallAt1, recallAt10 } = statistics;
    return {
      generation,
      rows,
      dimensions,
      bytes,
      search,
      recallAt1,
      recallAt10,
      isBehind: this.#isBehind,
      ...this.tally.stats(),
      expectedWaitSeconds: this.outlook(1).waitMs / 1000,
      nodes: this.parts.source.failures?.() ?? [],
    };
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#current.retire();
  }

  /** Serves what the pointer names, if that is another. */
  private async follow(): Promise<void> {
    if (this.#isOpening) {
      const since = this.#readSince;
      if (since === undefined || performance.now() - since < LONGEST_READ_MS) return;
      this.refused(undefined, `${this.parts.source.place} does not say what is published`);
      return;
    }
    this.#isOpening = true;
    try {
      await this.followOnce();
    } finally {
      this.#isOpening = false;
    }
  }

  private async followOnce(): Promise<void> {
    const { source } = this.parts;
    let generation: string | undefined;
    try {
      const isTime = performance.now() - this.#triedAt > this.#waitMs;
      if (this.#isUnread && !isTime) return;
      const written = await this.read();
      if (written === this.#written && !(this.#isBehind && isTime)) return;
      if (written === this.#written) this.waitLonger();
      else {
        this.#told = undefined;
        this.#waitMs = FIRST_WAIT_MS;
      }
      this.#written = written;
      this.#triedAt = performance.now();
      const pointer = await source.current(written);
      if (pointer === undefined) throw new StartError(['the index has no pointer any more']);
      generation = pointer.generation;
      if (pointer.manifest !== this.#current.digest) await this.replace(pointer);
      this.#isBehind = false;
    } catch (error) {
      // Nobody waits for what was being opened for an engine that has gone.
      if (this.#isClosed) return;
      const lines = linesOf(error).map((line) => line.trim());
      this.refused(generation, lines.join(' '));
    }
  }

  /** What the pointer names cannot be served. It is tried again and again, and told once. */
  private refused(generation: string | undefined, error: string): void {
    if (error !== this.#told) {
      this.parts.onEvent({ what: 'refused', generation, error });
      this.tally.switches.failed += 1;
    }
    this.#told = error;
    this.#isBehind = true;
  }

  /** What the pointer says; what cannot be read is read less often. */
  private async read(): Promise<string | undefined> {
    try {
      this.#readSince = performance.now();
      const written = await this.parts.source.written();
      this.#isUnread = false;
      return written;
    } catch (error) {
      if (this.#isUnread) this.waitLonger();
      this.#isUnread = true;
      this.#triedAt = performance.now();
      throw error;
    } finally {
      this.#readSince = undefined;
    }
  }

  private waitLonger(): void {
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
  }

  private async replace(named: Named): Promise<void> {
    const begun = performance.now();
    const opening = openingOf(this.parts, this.#current.memory);
    const opened = await this.parts.source.open(named, opening);
    if (this.#isClosed) {
      opened.retire();
      return;
    }
    const before = this.#current;
    this.#current = opened;
    before.retire();
    this.tally.switches.done += 1;
    const { generation, rows } = opened.manifest;
    const seconds = (performance.now() - begun) / 1000;
    this.parts.onEvent({ what: 'serving', generation, rows, seconds });
  }
}

/** How a generation is opened beside what takes so much. */
function openingOf({ engine, encoder, requireRoom }: ServedParts, beside: IndexMemory): Opening {
  return {
    ...{ engine, encoder },
    requireRoom:
      requireRoom &&
      ((next, generation) => {
        requireRoom(next, beside, generation);
      }),
  };
}

function linesOf(error: unknown): readonly string[] {
  return error instanceof StartError ? error.lines : [(error as Error).message];
}
