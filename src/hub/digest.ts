/**
 * Digests of files: sha256, and git's blob id.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

export interface Digests {
  readonly bytes: number;
  readonly sha256: string;
  /** The sha1 of `blob <bytes>\0` and the contents, git's name of a file; empty for large ones. */
  readonly gitBlob: string;
}

const CHUNK = 1 << 20;
/** Larger files are never in git itself: the hub takes those of 10 MB and more out of it. */
const LARGEST_IN_GIT = 64 << 20;
const SHA256 = /^[0-9a-f]{64}$/;

export async function digestsOf(file: string): Promise<Digests> {
  const { size } = await stat(file);
  const sha256 = createHash('sha256');
  const sha1 = createHash('sha1').update(`blob ${size}\0`);
  const inGit = size <= LARGEST_IN_GIT;
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK })) {
    sha256.update(chunk as Buffer);
    if (inGit) sha1.update(chunk as Buffer);
  }
  return { bytes: size, sha256: sha256.digest('hex'), gitBlob: inGit ? sha1.digest('hex') : '' };
}

/** Whether `etag`, a sha256 or git's blob id, names contents with these digests. */
export function matches(etag: string, { sha256, gitBlob }: Digests): boolean {
  return etag === (SHA256.test(etag) ? sha256 : gitBlob);
}
