/**
 * What is read from files and follows them while the service runs: keys, a certificate.
 *
 * Read at start, at every reload, and by itself when a file changes. What is wrong with it then leaves what was read
 * before, and is told in the log.
 *
 * Why does it look, and not wait to be told? Kubernetes changes a Secret's files by putting another folder in the place
 * of theirs, through two symbolic links, and file systems of other machines tell nobody. A few kilobytes that are read
 * every other second are the same in all of them.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { Logger } from '../log/logger.js';
import type { FollowedName } from '../metrics/metrics.js';
import { exitCodes, StartError } from '../start-error.js';

const LOOK_EVERY_MS = 2000;

export interface FollowedObserver {
  /** Files that had changed were read, or could not be. */
  filesRead(what: FollowedName, outcome: 'done' | 'failed'): void;
  /** Whether what they say now cannot be taken over, from now on. */
  filesWrong(what: FollowedName, isWrong: boolean): void;
}

export interface FollowedParts {
  /** Its name in the log and in metrics. */
  readonly what: FollowedName;
  /** Paths, each by the flag that gives it. */
  readonly files: Readonly<Record<string, string>>;
  /**
   * Takes over what the files say, by their flags; for the first time or anew.
   *
   * @throws {StartError} telling what is wrong, without what stands there, and takes nothing over.
   */
  readonly take: (texts: Readonly<Record<string, string>>) => void;
  readonly observer: FollowedObserver;
  readonly logger: Logger;
}

export class FollowedFiles {
  /** Hashes of contents: those that were taken over last, looked at last, and found to be wrong. */
  #taken = '';
  #seen = '';
  #wrong = '';
  #isWrong = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(
    private readonly parts: FollowedParts,
    private readonly lookEveryMs = LOOK_EVERY_MS,
  ) {}

  /**
   * Reads the files, and from then on follows them.
   *
   * @throws {StartError}
   */
  async start(): Promise<void> {
    await this.#read();
    this.#lookAgain();
  }

  /**
   * Reads the files again.
   *
   * @throws {StartError} and leaves what was read before.
   */
  async reload(): Promise<void> {
    const { what, logger, observer } = this.parts;
    try {
      const isNew = await this.#read();
      this.#found({ wrong: false });
      if (!isNew) return;
      observer.filesRead(what, 'done');
      logger.info({ read: what }, 'read anew');
    } catch (err) {
      this.#found({ wrong: true });
      observer.filesRead(what, 'failed');
      logger.error({ read: what, err }, 'what was read before goes on');
      throw err;
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** One look after the other: of those that a file system holds up there is one at most. */
  #lookAgain(): void {
    if (this.#isStopped) return;
    const look = () => {
      void this.#look().then(() => {
        this.#lookAgain();
      });
    };
    this.#timer = setTimeout(look, this.lookEveryMs).unref();
  }

  /** Takes over what it finds for the second time: whoever writes two files, or a long one, is done with them then. */
  async #look(): Promise<void> {
    const found = await this.#contents().then(hashOf, hashOf);
    const isStill = found === this.#seen;
    this.#seen = found;
    if (found === this.#taken) {
      this.#wrong = '';
      this.#found({ wrong: false });
    }
    if (!isStill || found === this.#taken || found === this.#wrong) return;
    await this.reload().catch(() => {
      // Told in the log, once.
      this.#wrong = found;
    });
  }

  #found({ wrong }: { readonly wrong: boolean }): void {
    if (wrong === this.#isWrong) return;
    this.#isWrong = wrong;
    this.parts.observer.filesWrong(this.parts.what, wrong);
  }

  /** Whether anything has changed. */
  async #read(): Promise<boolean> {
    const texts = await this.#contents();
    const hash = hashOf(texts);
    if (hash === this.#taken) return false;
    this.parts.take(texts);
    this.#taken = hash;
    return true;
  }

  async #contents(): Promise<Readonly<Record<string, string>>> {
    const texts = Object.entries(this.parts.files).map(async ([flag, file]) => [
      flag,
      await textOf(flag, file),
    ]);
    return Object.fromEntries(await Promise.all(texts)) as Record<string, string>;
  }
}

async function textOf(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new StartError([`${flag}: cannot read ${file}: ${why}`], exitCodes.usage);
  }
}

/** Of what was read, or of why it could not be. */
function hashOf(found: unknown): string {
  const text = found instanceof Error ? found.message : JSON.stringify(found);
  return createHash('sha256').update(text).digest('hex');
}
