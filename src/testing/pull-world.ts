/**
 * A hub with one repository, a profile that names it, and an empty cache: what pulls are tested with.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { TestHub, type HubOptions, type RepoOptions } from 'chorus-test-hub';

import { readProfile } from '../profile/read.js';
import { StartError } from '../start-error.js';
import { HubCache } from '../hub/cache.js';
import { HubClient } from '../hub/client.js';
import type { Progress } from '../hub/progress.js';
import { locateModels, type InstalledModel } from '../hub/installed.js';
import { pull, type PullOutcome, type PullParts } from '../hub/pull.js';

export const REPO = 'owner/name';
/** Pseudo-random, so that a piece in the wrong place shows. */
export const WEIGHTS = createHash('shake256', { outputLength: 600_000 }).update('weights').digest();
export const FILES = {
  '.gitattributes': '',
  'README.md': 'not needed',
  'config.json': '{"model_type":"bert"}',
  'tokenizer.json': '{}',
  'vocab.txt': 'not needed beside tokenizer.json',
  'model.safetensors': WEIGHTS,
  'pytorch_model.bin': 'not needed beside model.safetensors',
  'tf_model.h5': 'not needed',
};
export const SERVED = ['config.json', 'model.safetensors', 'tokenizer.json'];

const silent: Progress = {
  file: () => ({ at: () => undefined, done: () => undefined }),
  note: () => undefined,
  stop: () => undefined,
};

export interface World {
  readonly hub: TestHub;
  readonly commit: string;
  readonly cache: HubCache;
  readonly profileFile: string;
  readonly lockFile: string;
  readonly pull: (options?: { update?: boolean; token?: string }) => Promise<PullOutcome>;
  /** The one line that a pull ends with. */
  readonly refusal: (options?: { update?: boolean; token?: string }) => Promise<string>;
  /** The files of the only model; fails when it is not pulled. */
  readonly installed: () => InstalledModel;
  readonly profile: (text?: string) => ReturnType<typeof readProfile>;
}

export const PROFILE = (revision: string) =>
  `name: own\nmodels: [{ name: a, source: { repo: ${REPO}, revision: '${revision}' } }]\n` +
  'routes: [{ path: /process, contract: process }]\n';

export async function pullWorld(
  context: TestContext,
  repo: Partial<RepoOptions> = {},
  options: HubOptions = {},
  describe: PullParts['describe'] = graphIfAny,
): Promise<World> {
  const hub = await TestHub.start(options);
  context.after(() => hub.close());
  const commit = await hub.addRepo({ repo: REPO, license: 'mit', files: FILES, ...repo });
  const folder = mkdtempSync(join(tmpdir(), 'chorus-pull-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const profileFile = join(folder, 'own.yaml');
  writeFileSync(profileFile, PROFILE(commit));
  const cache = new HubCache(join(folder, 'cache'));
  const run: World['pull'] = ({ update = false, token = '' } = {}) =>
    pull(readProfile(profileFile), {
      client: new HubClient({
        endpoint: hub.endpoint,
        token,
        retryPolicy: { attempts: 4, firstMs: 1, longestMs: 50 },
        stalledAfterMs: 1000,
      }),
      cache,
      progress: silent,
      describe,
      convert: (model) => Promise.resolve(converted(model)),
      update,
    });
  return {
    hub,
    commit,
    cache,
    profileFile,
    lockFile: join(folder, 'own.lock.json'),
    pull: run,
    refusal: async (given) => {
      const error = await run(given).then(
        () => assert.fail('the pull should have failed'),
        (caught: unknown) => caught,
      );
      assert.ok(error instanceof StartError, String(error));
      assert.equal(error.lines.length, 1);
      return error.message;
    },
    installed: () => {
      const [model] = locateModels(readProfile(profileFile), cache).values();
      assert.ok(model);
      return model;
    },
    profile: (text) => {
      if (text !== undefined) writeFileSync(profileFile, text);
      return readProfile(profileFile);
    },
  };
}

/** Takes the weights where there are some, else the first graph. */
const graphIfAny: PullParts['describe'] = (_, __, names) => {
  const hasWeights = names.some((name) => /\.(?:safetensors|bin)$/.test(name));
  const graph = hasWeights ? undefined : names.find((name) => name.endsWith('.onnx'));
  return Promise.resolve({ graph: graph ?? '', data: [] });
};

/** Writes a file beside every pickled one of `folder`, as the engine does. */
function converted(folder: string): { from: string; to: string }[] {
  const pickled = readdirSync(folder).filter((name) => /^pytorch_model.*\.bin/.test(name));
  return pickled.sort().map((from) => {
    const to = from.replace('pytorch_model', 'model').replace('.bin', '.safetensors');
    writeFileSync(join(folder, to), `was ${from}`);
    return { from, to };
  });
}

export function assertWhole({ cache, commit }: World): void {
  const folder = cache.snapshot(REPO, commit);
  assert.deepEqual(readdirSync(folder).sort(), SERVED);
  assert.ok(readFileSync(join(folder, 'model.safetensors')).equals(WEIGHTS));
  const blobs = readdirSync(join(folder, '../../blobs'));
  assert.deepEqual(
    blobs.filter((name) => name.endsWith('.incomplete')),
    [],
  );
}
