/**
 * The keys that clients may have, as their hashes.
 *
 * A key is a random text that a client shows with each request; what is kept here is its SHA-256 and a name to speak of
 * it by. SHA-256 without a salt or a work factor, since a key that `new-key.ts` makes has 256 random bits: nobody finds
 * it by trying, whatever a try costs, and a hash is made for every request.
 */

import { createHash, timingSafeEqual } from 'node:crypto';

export interface KeyHash {
  readonly name: string;
  /** 32 bytes. */
  readonly sha256: Buffer;
}

/** What names are made of: they are labels of metrics, and words of the log. */
export const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const KEY_NAME_EXPECTED =
  'letters, digits, ".", "_" and "-", at most 64, the first a letter or a digit';

export class Keyring {
  /** Each once, in the file's order: while a key is changed, two have one name. */
  readonly names: readonly string[];

  constructor(private readonly keys: readonly KeyHash[]) {
    this.names = [...new Set(keys.map(({ name }) => name))];
  }

  /**
   * The name of `key`, if it is one of these.
   *
   * Takes as long for each key that is shown: all hashes are compared, each in constant time.
   */
  nameOf(key: string): string | undefined {
    const shown = sha256(key);
    let found: string | undefined;
    for (const { name, sha256 } of this.keys) if (timingSafeEqual(shown, sha256)) found = name;
    return found;
  }
}

export function sha256(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
