/**
 * One process of a machine at a time, by a file that names it.
 *
 * Who is killed leaves its file behind; the next one sees that nobody has that number any more.
 */

import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';

import { StartError } from '../start-error.js';

export class Lock {
  private constructor(private readonly file: string) {}

  /** @throws {StartError} when another process has it. */
  static take(file: string): Lock {
    const lock = Lock.tryTake(file);
    if (lock !== undefined) return lock;
    throw new StartError([`Process ${ownerOf(file) ?? ''} is at it; ${file} says so.`]);
  }

  /** Nothing where another process has it. */
  static tryTake(file: string): Lock | undefined {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        const descriptor = openSync(file, 'wx');
        writeSync(descriptor, String(process.pid));
        closeSync(descriptor);
        return new Lock(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        if (ownerOf(file) !== undefined) return undefined;
        rmSync(file, { force: true });
      }
    }
    return undefined;
  }

  release(): void {
    rmSync(this.file, { force: true });
  }
}

/** The process that lives, if it does. */
function ownerOf(file: string): number | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(file, 'utf8'));
    if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return undefined;
    process.kill(pid, 0);
  } catch (error) {
    // Of another user, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
      ? Number(readFileSync(file, 'utf8'))
      : undefined;
  }
  return pid;
}
