/**
 * A hub with one repository, for the hub's own tests.
 */

import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';

import { TestHub, type HubOptions } from './hub.js';
import type { RepoOptions } from './repo.js';

export const REPO = 'owner/name';
export const CONFIG = '{"model_type":"bert"}';
/** Pseudo-random, so that a piece in the wrong place shows; larger than one read of a file. */
export const WEIGHTS = createHash('shake256', { outputLength: 600_000 }).update('weights').digest();
export const FILES = {
  'config.json': CONFIG,
  'model.safetensors': WEIGHTS,
  'onnx/model.onnx': 'onnx',
};

export interface SampleHub {
  readonly hub: TestHub;
  /** The id of the repository's only commit. */
  readonly commit: string;
  /** Asks for a path of the hub; redirects are not followed. */
  readonly get: (path: string, init?: RequestInit) => Promise<Response>;
}

/** Starts a hub that stops when the test ends. */
export async function sampleHub(
  context: TestContext,
  repo: Partial<RepoOptions> = {},
  options: HubOptions = {},
): Promise<SampleHub> {
  const hub = await TestHub.start(options);
  context.after(() => hub.close());
  const commit = await hub.addRepo({ repo: REPO, license: 'mit', files: FILES, ...repo });
  return {
    hub,
    commit,
    get: (path, init = {}) => fetch(hub.endpoint + path, { redirect: 'manual', ...init }),
  };
}

export function bearer(token: string): RequestInit {
  return { headers: { Authorization: `Bearer ${token}` } };
}

export async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

export function sha256Of(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
