/**
 * The lock: which files a profile's models are made of, to the byte.
 *
 * Lies beside the profile as `<profile>.lock.json` and belongs in version control. `pull` writes it;
 * from then on nothing that differs is downloaded or served.
 */

import { existsSync, readFileSync } from 'node:fs';

import { z } from 'zod';

import { replaceFile } from '../files/replace-file.js';
import { exitCodes, StartError } from '../start-error.js';

const hex = (digits: RegExp) => z.string().regex(digits, 'must be hexadecimal digits');
const commit = hex(/^[0-9a-f]{40}$/);

const lockedFile = z.strictObject({
  /** Inside the repository; plain names, so that no lock can point outside the cache. */
  path: z
    .string()
    .regex(/^[\w][\w.-]*(?:\/[\w][\w.-]*)*$/, 'must be a plain path inside the repository'),
  commit,
  bytes: z.int().min(0),
  sha256: hex(/^[0-9a-f]{64}$/),
  /** The hub's own digest and the name of the contents in the cache. */
  etag: hex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/).optional(),
  /** Made here from this file of the same commit, which serving does not need. */
  converted_from: z.string().optional(),
});

const lockedModel = z.strictObject({
  repo: z.string(),
  revision: z.string(),
  weights_revision: z.string(),
  licence: z.string(),
  files: z.array(lockedFile).min(1),
});

/**
 * Locks of version 1 may lack files that decide how a text is read (`added_tokens.json`, modules): a model served by one
 * could answer wrongly.
 */
const VERSION = 2;

const lock = z.strictObject({
  version: z.literal(VERSION),
  models: z.record(z.string(), lockedModel),
});

export type LockedFile = Readonly<z.infer<typeof lockedFile>>;
export type LockedModel = Readonly<z.infer<typeof lockedModel>>;
export type Lock = Readonly<z.infer<typeof lock>>;

const lockOfVersion1 = z.object({ version: z.literal(1) });

export function noLock(): Lock {
  return { version: VERSION, models: {} };
}

/** `models/challenge.yaml` → `models/challenge.lock.json`. */
export function lockFileOf(profileFile: string): string {
  return profileFile.replace(/\.ya?ml$/, '') + '.lock.json';
}

/**
 * The lock in `file`; one without models where there is no such file.
 *
 * @throws {StartError} when it is no lock.
 */
export function readLock(file: string): Lock {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return noLock();
    throw new StartError([`Cannot read the lock ${file}: ${(error as Error).message}`]);
  }
  const json = parsed(text);
  if (lockOfVersion1.safeParse(json).success) {
    throw new StartError([
      `${file} is of version 1, which lacks files of tokenizers that are read now; run "chorus pull" for its profile ` +
        'with --update.',
    ]);
  }
  const result = lock.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new StartError(
    [`${file} is not a lock that "chorus pull" wrote: ${faults.join('; ')}.`],
    exitCodes.usage,
  );
}

/** Replaces the lock as a whole, if it changed. */
export function writeLock(file: string, contents: Lock): void {
  const text = `${JSON.stringify(contents, null, 2)}\n`;
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  replaceFile(file, text);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
