/**
 * A file that others read while it is written: they find it as it was or as it is going to be.
 */

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

import { OWN_ID } from './process-id.js';

let made = 0;

/** A name beside `file` that nobody else uses, in this process or another. */
export function temporaryName(file: string): string {
  return `${file}.${OWN_ID}-${(made += 1)}`;
}

/** Puts `text` in the place of `file`, whole on the disk when it returns. Leaves nothing where that fails. */
export function replaceFile(file: string, text: string): void {
  const temporary = temporaryName(file);
  try {
    writeWhole(temporary, text);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes a file that is whole on the disk when it returns. */
export function writeWhole(file: string, text: string): void {
  const descriptor = openSync(file, 'w');
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += writeSync(descriptor, bytes, at));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
