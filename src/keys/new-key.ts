/**
 * Makes keys.
 */

import { randomBytes } from 'node:crypto';

import { sha256 } from './keyring.js';

/** Lets programs that look for leaked secrets know one. */
const PREFIX = 'chorus_';

const RANDOM_BYTES = 32;

export interface NewKey {
  /** For the client alone. */
  readonly key: string;
  /** For the file of keys. */
  readonly line: string;
}

export function newKey(name: string): NewKey {
  const key = PREFIX + randomBytes(RANDOM_BYTES).toString('base64url');
  return { key, line: `${name}:sha256:${sha256(key).toString('hex')}` };
}
