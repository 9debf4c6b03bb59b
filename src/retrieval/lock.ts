/**
 * One process at a time, by a file that names it: its number and its machine.
 *
 * Who is killed leaves its file behind; on the same machine the next one sees that nobody has that number any more. Of
 * another machine, which may be a pod with the same volume, nobody knows: then a person has to say so.
 */

import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';

import { StartError } from '../start-error.js';

interface Owner {
  readonly pid: number;
  readonly machine: string;
}

export class Lock {
  private constructor(private readonly file: string) {}

  /** @throws {StartError} when another process has it. */
  static take(file: string): Lock {
    const lock = Lock.tryTake(file);
    if (lock !== undefined) return lock;
    const { pid = '', machine = hostname() } = ownerOf(file) ?? {};
    const what =
      machine === hostname()
        ? `Process ${pid} is at it; ${file} says so.`
        : `Process ${pid} of ${machine} is at it, or was when it ended; if it has, remove ${file}.`;
    throw new StartError([what]);
  }

  /** Nothing where another process has it. */
  static tryTake(file: string): Lock | undefined {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        const descriptor = openSync(file, 'wx');
        writeSync(descriptor, `${process.pid} ${hostname()}`);
        closeSync(descriptor);
        return new Lock(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const owner = ownerOf(file);
        if (owner !== undefined && mayLive(owner)) return undefined;
        rmSync(file, { force: true });
      }
    }
    return undefined;
  }

  release(): void {
    rmSync(this.file, { force: true });
  }
}

/** Nothing where the file is gone, or says nothing: who made it was killed at once. */
function ownerOf(file: string): Owner | undefined {
  try {
    const [pid, machine] = readFileSync(file, 'utf8').split(' ');
    return pid === undefined || machine === undefined ? undefined : { pid: Number(pid), machine };
  } catch {
    return undefined;
  }
}

function mayLive({ pid, machine }: Owner): boolean {
  if (machine !== hostname()) return true;
  // A process of this machine before, with the number that this one has.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
