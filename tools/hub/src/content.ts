/**
 * The bytes of a file, from memory or from disk. A file on disk is read in pieces and never held whole:
 * full-size checkpoints must work.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** A file's contents: bytes, text (as UTF-8), or a file on disk. */
export type FileSource = Buffer | string | { readonly file: string };

const PIECE = 1 << 18;

export interface Content {
  readonly size: number;
  /** The bytes from `start` up to but not including `end`. */
  read(start: number, end: number): AsyncIterable<Buffer>;
}

export async function openContent(source: FileSource): Promise<Content> {
  if (typeof source === 'string') return memory(Buffer.from(source));
  if (Buffer.isBuffer(source)) return memory(source);
  return disk(source.file, (await stat(source.file)).size);
}

export function memory(bytes: Buffer): Content {
  return {
    size: bytes.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- the interface is that of a file.
    async *read(start, end) {
      for (let at = start; at < end; at += PIECE)
        yield bytes.subarray(at, Math.min(at + PIECE, end));
    },
  };
}

function disk(file: string, size: number): Content {
  return {
    size,
    async *read(start, end) {
      // A stream's `end` is inclusive, so it cannot say "nothing".
      if (start >= end) return;
      yield* createReadStream(file, {
        start,
        end: end - 1,
        highWaterMark: PIECE,
      }) as AsyncIterable<Buffer>;
    },
  };
}

export async function sha256(content: Content): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of content.read(0, content.size)) hash.update(piece);
  return hash.digest('hex');
}

/** The id that git gives to these bytes: the hub's ETag of files outside LFS. */
export async function gitBlobId(content: Content): Promise<string> {
  const hash = createHash('sha1').update(`blob ${content.size}\0`);
  for await (const piece of content.read(0, content.size)) hash.update(piece);
  return hash.digest('hex');
}
