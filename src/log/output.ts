/**
 * How lines leave the process: in their order, by one write at a time, which nothing waits for.
 *
 * Not pino's own destination. A synchronous one stops the service while a pipe is full and ends it when a disk is; the
 * asynchronous one, once its buffer is full after a failed write, never tries again. Here a line that cannot be
 * written, or for which there is no room, is dropped and counted, and the next one is tried.
 *
 * Writes of files take one of libuv's threads, never a second. `process.stdout` and `process.stderr`, which `cli/main.ts`
 * touches, make pipes non-blocking, so that a stalled reader takes none.
 */

import { write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Characters that may wait: some thousand lines. */
const MOST_WAITING = 1024 * 1024;

/** Characters of one write: what a pipe holds. */
const BATCH = 64 * 1024;

/** Until a full pipe is tried again. */
const RETRY_MS = 20;

const NEWLINE = 0x0a;

type Write = (
  fd: number,
  bytes: Buffer,
  done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

export class LineOutput {
  #waiting: string[] = [];
  /** Of those that wait and those being written. */
  #characters = 0;
  #isWriting = false;
  /** Whether what was written last is the beginning of a line only. */
  #isTorn = false;
  #dropped = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(
    private readonly fd: number,
    private readonly writeTo: Write = write,
  ) {}

  /** Lines that were not written, and never will be. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes one or more whole lines. */
  write(lines: string): void {
    if (this.#characters + lines.length > MOST_WAITING) {
      this.#dropped += linesIn(Buffer.from(lines));
      return;
    }
    this.#waiting.push(lines);
    this.#characters += lines.length;
    if (!this.#isWriting) this.#writeNext();
  }

  /** Resolves once everything is written or dropped, or after `milliseconds`. */
  async emptied(milliseconds: number): Promise<void> {
    if (!this.#isWriting) return;
    const empty = new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    const inTime = new AbortController();
    const tooLate = sleep(milliseconds, undefined, { signal: inTime.signal }).catch(
      () => undefined,
    );
    await Promise.race([empty, tooLate]);
    inTime.abort();
  }

  #writeNext(): void {
    this.#isWriting = this.#waiting.length > 0;
    if (!this.#isWriting) {
      for (const resolve of this.#whenEmpty.splice(0)) resolve();
      return;
    }
    let count = 0;
    let characters = 0;
    do {
      characters += this.#waiting[count]?.length ?? 0;
      count += 1;
    } while (count < this.#waiting.length && characters < BATCH);
    const text = this.#waiting.splice(0, count).join('');
    this.#writeBytes(Buffer.from(this.#isTorn ? `\n${text}` : text), characters);
  }

  /** Writes `bytes`, the rest of a batch of so many `characters`, then the next one. */
  #writeBytes(bytes: Buffer, characters: number): void {
    this.writeTo(this.fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => {
          this.#writeBytes(bytes, characters);
        }, RETRY_MS);
        return;
      }
      if (!error && written > 0) this.#isTorn = bytes[written - 1] !== NEWLINE;
      if (!error && written < bytes.length) {
        this.#writeBytes(bytes.subarray(written), characters);
        return;
      }
      // The line break after what is torn is no line of its own.
      if (error) this.#dropped += linesIn(bytes) - (bytes[0] === NEWLINE ? 1 : 0);
      this.#characters -= characters;
      this.#writeNext();
    });
  }
}

function linesIn(bytes: Buffer): number {
  return bytes.reduce((lines, byte) => lines + (byte === NEWLINE ? 1 : 0), 0);
}
