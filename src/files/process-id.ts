/**
 * Which process: a name that no other has, on any machine that shares a disk with this one.
 *
 * A number alone is none: it is 1 in every container, and given again to another process. So the name has the machine in it,
 * or container, and something random; whether its process is there can be told of those on this machine alone.
 */

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** This machine, or container: numbers of processes mean something within a namespace of them alone. */
export const MACHINE = `${hostname()}${namespace()}`;

/** Two machines may have one name, and each has a first namespace; they were not started as one. */
const HERE = createHash('sha256').update(`${MACHINE} ${boot()}`).digest('hex').slice(0, 12);

/** Of this process; can be part of the name of a file. */
export const OWN_ID = `${process.pid}-${HERE}-${randomBytes(4).toString('hex')}`;

/** Whether the process with this id is known to have ended. Of those of other machines nobody knows. */
export function hasEnded(id: string): boolean {
  const [pid, where] = id.split('-');
  if (where !== HERE) return false;
  // The number that this one has now was another's before.
  if (Number(pid) === process.pid) return id !== OWN_ID;
  return !isRunning(Number(pid));
}

/** Whether there is a process with this number on this machine. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
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

function boot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux.
    return '';
  }
}
