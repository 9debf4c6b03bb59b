/**
 * The file of keys: `NAME:sha256:HEX` in each line, `#` before a remark.
 *
 * A message about it has the number of a line and never what stands there: it may be a key by mistake.
 */

import { exitCodes, StartError } from '../start-error.js';
import { KEY_NAME, KEY_NAME_EXPECTED, Keyring, type KeyHash } from './keyring.js';

/** All are compared for every request, and each name is a label of a metric. */
const MAX_KEYS = 256;

/** @throws {StartError} listing every fault as `file:line: what`. */
export function keyringOf(file: string, text: string): Keyring {
  const faults: string[] = [];
  const keys: (KeyHash & { readonly line: number })[] = [];
  for (const [index, written] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const entry = written.trim();
    if (entry === '' || entry.startsWith('#')) continue;
    const fault = (what: string) => faults.push(`${file}:${line}: ${what}`);
    const [name = '', algorithm, hash = '', ...more] = entry.split(':');
    if (algorithm !== 'sha256' || more.length > 0 || !/^[0-9a-f]{64}$/i.test(hash)) {
      fault('must be NAME:sha256:HEX with 64 hexadecimal digits, as chorus keys new prints it');
    } else if (!KEY_NAME.test(name)) {
      fault(`the name must be ${KEY_NAME_EXPECTED}`);
    } else {
      const sha256 = Buffer.from(hash, 'hex');
      const same = keys.find((other) => other.sha256.equals(sha256));
      if (same === undefined) keys.push({ name, sha256, line });
      else fault(`is the key of line ${same.line} again`);
    }
  }
  // A file that is empty while it is written, or that lost its contents, must not lock everybody out.
  if (keys.length === 0 && faults.length === 0) faults.push(`${file}: has no key`);
  if (keys.length > MAX_KEYS) {
    faults.push(`${file}: has ${keys.length} keys; it may have ${MAX_KEYS}`);
  }
  if (faults.length > 0) throw new StartError(faults, exitCodes.usage);
  return new Keyring(keys);
}
