// Services whose interface is tried from outside: shipped profiles that work offline, each on loopback.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { newKey } from '../../dist/keys/new-key.js';
import { BENCH } from '../lib/paths.mjs';
import { startServer, stopServer } from '../lib/server.mjs';
import { chorus } from '../lib/targets.mjs';

/** Those of `models/` whose models come with the package. */
export const PROFILES = ['starter', 'sentiment-starter', 'classic', 'retrieval-starter'];

/** A profile with every contract. */
export const EVERY_CONTRACT = join(BENCH, 'api', 'every-contract.yaml');

const scratch = mkdtempSync(join(tmpdir(), 'chorus-api-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** A new folder, gone when this run ends. */
export function scratchFolder() {
  return mkdtempSync(join(scratch, 'a'));
}

/** What has a service below a prefix ask for a key, and the key. */
export function guarded() {
  const { key, line } = newKey('reader');
  const file = join(scratchFolder(), 'keys');
  writeFileSync(file, `${line}\n`);
  return { key, flags: ['--path-prefix', '/project', '--api-keys-file', file] };
}

/** Has `use` ask a service with `profile` and `flags`; it gets the host and port. */
export async function withService(profile, flags, use) {
  const log = join(scratchFolder(), 'service.log');
  const server = await startServer(chorus(profile, ...flags), log);
  try {
    return await use(`127.0.0.1:${server.port}`);
  } finally {
    await stopServer(server);
  }
}
