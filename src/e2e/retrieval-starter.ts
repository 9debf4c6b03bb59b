/**
 * The profile retrieval-starter as tests serve it, and the commands that change its index.
 */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runChorus } from '../testing/chorus-process.js';
import { scrapeUntil, startChorus, type RunningChorus } from './running-chorus.js';

/** What the profile comes with. */
export const MODELS = fileURLToPath(new URL('../../models/retrieval-starter', import.meta.url));
export const CORPUS = join(MODELS, 'corpus.jsonl');

/** Nobody listens there: whoever asks a hub for anything fails. */
export const NO_HUB = { HF_ENDPOINT: 'http://127.0.0.1:1', HF_HOME: '/nowhere' };

/** A service that answers, with these flags and without a hub. */
export function startRetrieval(flags: readonly string[]): Promise<RunningChorus> {
  return startChorus([...flags], NO_HUB, { profile: 'retrieval-starter', path: '/process' });
}

/** Stops the service, which must end well. */
export async function ended({ process }: RunningChorus): Promise<void> {
  process.signal('SIGTERM');
  assert.equal((await process.finished()).code, 0);
}

/** Once `by` serves the generation. */
export function serves(generation: string, by: RunningChorus): Promise<string> {
  return scrapeUntil(by, new RegExp(`chorus_index_info\\{generation="${generation}"\\} 1`));
}

/** `chorus index …`, which must be done; gives what it printed. */
export async function indexCommand(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runChorus(['index', ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}
