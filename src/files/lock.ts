/**
 * One process at a time, by a file that names it: its number, its machine or container, its id.
 *
 * Who is killed leaves its file behind; on the same machine the next one sees that nobody has that number any more. Of
 * another machine, which may be a pod with the same volume, nobody knows: then a person has to say so, or, where the file is
 * a lease, that it has not been renewed.
 *
 * Where a disk is full, a link that leads nowhere takes the file's place: what it says is in its name's own record, which
 * takes no room. So what makes room can be done alone as well.
 */

import {
  linkSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { StartError } from '../start-error.js';
import { isNoRoom } from './no-room.js';
import { isRunning, MACHINE, OWN_ID } from './process-id.js';
import { temporaryName } from './replace-file.js';

const OWN = `${process.pid} ${MACHINE} ${OWN_ID}`;

/** Who removes a file that was left behind takes moments. */
const REMOVAL_MS = 10_000;

export class Lock {
  private constructor(readonly file: string) {}

  /** @throws {StartError} when another process has it. */
  static take(file: string): Lock {
    const lock = Lock.tryTake(file);
    if (lock !== undefined) return lock;
    const { pid, machine } = parsed(ownerOf(file) ?? '');
    const what =
      machine === MACHINE
        ? `Process ${pid} is at it; ${file} says so.`
        : `Process ${pid} of ${machine} is at it, or was when it ended; if it has, remove ${file}.`;
    throw new StartError([what]);
  }

  /**
   * Nothing where another process has it.
   *
   * @param isLeft - whether who is named has ended, so that what it left behind may be removed.
   */
  static tryTake(file: string, isLeft = leftHere): Lock | undefined {
    if (create(file)) return new Lock(file);
    const owner = ownerOf(file);
    // Given back meanwhile: there is nothing to remove, and what another may have put there is no longer what was looked at.
    if (owner === undefined) return create(file) ? new Lock(file) : undefined;
    // Without a word in it, it is being written.
    if (owner === '' ? !isOld(file) : !isLeft(owner)) return undefined;
    // One process at a time removes what was left behind, and looks again before it does.
    const removal = `${file}.removal`;
    if (isOld(removal)) rmSync(removal, { force: true });
    if (!create(removal)) return undefined;
    try {
      if (ownerOf(file) === owner) rmSync(file, { force: true });
    } finally {
      rmSync(removal, { force: true });
    }
    return create(file) ? new Lock(file) : undefined;
  }

  /** Not where somebody took it for left behind, and has it now; a disk that does not answer says nothing. */
  get isOurs(): boolean {
    try {
      return ownerOf(this.file) === OWN;
    } catch {
      return true;
    }
  }

  release(): void {
    try {
      if (ownerOf(this.file) === OWN) rmSync(this.file, { force: true });
    } catch {
      // It is left behind, and found to be.
    }
  }
}

/**
 * What a lock's file says; nothing where there is none.
 *
 * @throws {Error} when it is there and cannot be read: whose it is, nobody knows then.
 */
export function ownerOf(file: string): string | undefined {
  return said(readFileSync) ?? said(readlinkSync);

  function said(read: (file: string, encoding: 'utf8') => string): string | undefined {
    try {
      return read(file, 'utf8');
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (NOT_THERE.has(code)) return undefined;
      throw error;
    }
  }
}

/** EINVAL: no link, but a file that has come since it was looked for. */
const NOT_THERE = new Set(['EINVAL', 'ENOENT', 'ESTALE']);

export interface Owner {
  readonly pid: string;
  readonly machine: string;
  readonly id: string;
}

export function parsed(owner: string): Owner {
  const [pid = '', machine = MACHINE, id = ''] = owner.split(' ');
  return { pid, machine, id };
}

/** Makes the file with all that it says, unless it is there. */
function create(file: string): boolean {
  const whole = temporaryName(file);
  try {
    writeFileSync(whole, OWN);
    linkSync(whole, file);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (NO_LINKS.has(code)) return isNew(file, writeOnce);
    if (isNoRoom(error)) return isNew(file, linkOnce);
    if (code !== 'EEXIST') throw error;
    // NFS asks again where an answer was lost, and is told that the file is there: it has two names then.
    return statSync(whole).nlink === 2;
  } finally {
    rmSync(whole, { force: true });
  }
}

/** Of file systems that give a file one name only, as some volumes over object storage and SMB. */
const NO_LINKS = new Set(['EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM']);

function writeOnce(file: string): void {
  writeFileSync(file, OWN, { flag: 'wx' });
}

function linkOnce(file: string): void {
  symlinkSync(OWN, file);
}

function isNew(file: string, make: (file: string) => void): boolean {
  try {
    make(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function leftHere(owner: string): boolean {
  if (owner === OWN) return false;
  const [pid, machine] = owner.split(' ');
  if (machine !== MACHINE) return machine === undefined;
  // A process of this machine before, with the number that this one has; ours says more.
  return Number(pid) === process.pid || !isRunning(Number(pid));
}

/** Whether it is there, and has been for longer than it takes to write or to remove a file. */
function isOld(file: string): boolean {
  try {
    const { mtimeMs } = lstatSync(file);
    return nowBeside(file) - mtimeMs > REMOVAL_MS;
  } catch {
    return false;
  }
}

/** The time as the disk has it, which may be another machine's. */
function nowBeside(file: string): number {
  const fresh = temporaryName(file);
  try {
    writeFileSync(fresh, '');
    return statSync(fresh).mtimeMs;
  } finally {
    rmSync(fresh, { force: true });
  }
}
