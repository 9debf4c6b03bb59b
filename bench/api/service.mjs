// Services whose interface is tried from outside: shipped profiles that work offline, each on loopback.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startServer, stopServer } from '../lib/server.mjs';
import { chorus } from '../lib/targets.mjs';

/** Those of `models/` whose models come with the package. */
export const PROFILES = ['starter', 'sentiment-starter'];

/** A folder of this run, gone when it ends. */
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-api-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Has `use` ask a service with `profile` and `flags`; it gets the origin without a scheme. */
export async function withService(profile, flags, use) {
  const log = join(scratchFolder(), 'service.log');
  const server = await startServer(chorus(profile, ...flags), log);
  try {
    return await use(`127.0.0.1:${server.port}`, log);
  } finally {
    await stopServer(server);
  }
}
