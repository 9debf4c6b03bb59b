/**
 * One process at a time, by a file that names it: its number and its machine, or container.
 *
 * Who is killed leaves its file behind; on the same machine the next one sees that nobody has that number any more. Of
 * another machine, which may be a pod with the same volume, nobody knows: then a person has to say so.
 */

import { linkSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';

import { StartError } from '../start-error.js';

/** This machine, or container: numbers of processes mean something within a namespace of them alone. */
export const MACHINE = `${hostname()}${namespace()}`;
const OWN = `${process.pid} ${MACHINE}`;

/** Who removes a file that was left behind takes moments. */
const REMOVAL_MS = 10_000;

export class Lock {
  private constructor(private readonly file: string) {}

  /** @throws {StartError} when another process has it. */
  static take(file: string): Lock {
    const lock = Lock.tryTake(file);
    if (lock !== undefined) return lock;
    const [pid = '', machine = MACHINE] = ownerOf(file)?.split(' ') ?? [];
    const what =
      machine === MACHINE
        ? `Process ${pid} is at it; ${file} says so.`
        : `Process ${pid} of ${machine} is at it, or was when it ended; if it has, remove ${file}.`;
    throw new StartError([what]);
  }

  /** Nothing where another process has it. */
  static tryTake(file: string): Lock | undefined {
    if (create(file)) return new Lock(file);
    const owner = ownerOf(file);
    if (owner !== undefined && mayLive(owner)) return undefined;
    // One process at a time removes what was left behind, and looks again before it does.
    const removal = `${file}.removal`;
    removeOld(removal);
    if (!create(removal)) return undefined;
    try {
      if (ownerOf(file) === owner) rmSync(file, { force: true });
    } finally {
      rmSync(removal, { force: true });
    }
    return create(file) ? new Lock(file) : undefined;
  }

  release(): void {
    if (ownerOf(this.file) === OWN) rmSync(this.file, { force: true });
  }
}

/** Makes the file with all that it says, unless it is there. */
function create(file: string): boolean {
  const whole = `${file}.${process.pid}`;
  writeFileSync(whole, OWN);
  try {
    linkSync(whole, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(whole, { force: true });
  }
}

function ownerOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function mayLive(owner: string): boolean {
  const [pid, machine] = owner.split(' ');
  if (machine !== MACHINE) return machine !== undefined;
  // A process of this machine before, with the number that this one has; it took none of its own twice.
  if (owner === OWN) return false;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    // Of another user, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function removeOld(file: string): void {
  try {
    if (Date.now() - statSync(file).mtimeMs > REMOVAL_MS) rmSync(file, { force: true });
  } catch {
    // It is not there.
  }
}

function namespace(): string {
  try {
    return `/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Not Linux.
    return '';
  }
}
