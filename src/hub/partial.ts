/**
 * Contents that have come in part: a file for each process that fetches them, so that none writes into another's.
 *
 * ```
 * blobs/<etag>.<process id>.incomplete
 * ```
 *
 * What a process left behind is gone on with by the next one that fetches the same. Only one does at a time, but for a
 * process that stood still for so long that it was taken for dead: its file is copied and not moved, so that it goes on
 * writing into what nobody reads any more.
 */

import { constants } from 'node:fs';
import { copyFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { hasEnded, OWN_ID } from '../files/process-id.js';

const SUFFIX = '.incomplete';

/** This process' own, for the contents that are going to be `blob`. */
export function partialOf(blob: string): string {
  return `${blob}.${OWN_ID}${SUFFIX}`;
}

interface Left {
  readonly file: string;
  readonly id: string;
  readonly bytes: number;
}

/** How much of `blob` has come, to whichever process. */
export async function partialBytes(blob: string): Promise<number> {
  return (await leftOf(blob))[0]?.bytes ?? 0;
}

/** Makes this process' own file of the largest there is, and removes the others; tells whether another process wrote it. */
export async function takeOver(blob: string): Promise<boolean> {
  const own = partialOf(blob);
  const [largest, ...others] = await leftOf(blob);
  const isOwn = largest === undefined || largest.file === own;
  if (!isOwn) await (hasEnded(largest.id) ? rename(largest.file, own) : copied(largest.file, own));
  for (const { file } of others) if (file !== own) await rm(file, { force: true });
  return !isOwn;
}

/** Where there is no room for a copy, the download starts over in the room of what was there. */
async function copied(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  } catch {
    await rm(to, { force: true });
  }
  await rm(from, { force: true });
}

/** What there is of `blob`, the largest first. */
async function leftOf(blob: string): Promise<readonly Left[]> {
  const folder = dirname(blob);
  const prefix = `${basename(blob)}.`;
  const names = await readdir(folder).catch(() => []);
  const found: Left[] = [];
  for (const name of names) {
    // Without an id between them it is of huggingface_hub, which may write it from several ends.
    if (!name.startsWith(prefix) || !name.slice(prefix.length).endsWith(SUFFIX)) continue;
    const id = name.slice(prefix.length, -SUFFIX.length);
    const file = join(folder, name);
    const bytes = await stat(file).then(
      ({ size }) => size,
      () => undefined,
    );
    if (bytes !== undefined) found.push({ file, id, bytes });
  }
  return found.sort((a, b) => b.bytes - a.bytes);
}
