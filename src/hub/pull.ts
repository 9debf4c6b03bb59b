/**
 * Brings the models of a profile into the cache and writes down what came.
 */

import { mkdir, statfs } from 'node:fs/promises';

import pLimit, { type LimitFunction } from 'p-limit';

import type { Profile, ProfileModel } from '../profile/schema.js';
import { StartError } from '../start-error.js';
import type { HubCache } from './cache.js';
import type { HubClient, RemoteFile } from './client.js';
import { digestsOf, type Digests } from './digest.js';
import { download, type Wanted } from './download.js';
import { HubError, PassingError } from './hub-error.js';
import { hasOwnFolder, requireSameSource } from './installed.js';
import { lockFileOf, readLock, writeLock, type LockedFile, type LockedModel } from './lock.js';
import type { Progress } from './progress.js';
import { PICKLED, SAFETENSORS, selectSettings, selectWeights } from './select.js';

export interface PullParts {
  readonly client: HubClient;
  readonly cache: HubCache;
  readonly progress: Progress;
  /** Writes `model.safetensors` beside the folder's `pytorch_model.bin`. */
  readonly convert: (folder: string) => Promise<void>;
  /** Whether to ask the hub anew and replace what the lock says. */
  readonly update: boolean;
}

export interface PullOutcome {
  readonly pulled: readonly string[];
  /** Models in folders of the user's own, which were left alone. */
  readonly skipped: readonly string[];
  readonly lockFile: string;
  readonly bytes: number;
}

/** Files at a time. */
const PARALLEL = 4;
/** Room that is left beside the files: the cache is rarely alone on its disk. */
const SPARE_BYTES = 64 << 20;

/** What is to be fetched for one model. */
interface Plan {
  readonly model: ProfileModel;
  readonly entry: Omit<LockedModel, 'files'>;
  readonly files: readonly Wanted[];
  /** What the lock says of the file that is converted here. */
  readonly converted: LockedFile | undefined;
}

/**
 * Pulls every model that names a source, several files at a time.
 *
 * With a lock its files are fetched and nothing else; without one the hub is asked, and the lock is
 * written once everything is there and verified.
 *
 * @throws {StartError} with a line for what went wrong; whole files stay in the cache.
 */
export async function pull(profile: Profile, parts: PullParts): Promise<PullOutcome> {
  const lockFile = lockFileOf(profile.file);
  const lock = parts.update ? { version: 1 as const, models: {} } : readLock(lockFile);
  const own = profile.models.filter((model) => model.source === undefined || hasOwnFolder(model));
  const wanted = profile.models.filter((model) => !own.includes(model));
  const stop = new AbortController();
  try {
    const plans = await all(wanted, stop, (model) => {
      const locked = lock.models[model.name];
      if (locked === undefined) return ask(model, parts, stop.signal);
      requireSameSource(model, locked, profile);
      return Promise.resolve(planOf(model, locked));
    });
    await requireSpace(plans, parts.cache);
    const limit = pLimit(PARALLEL);
    const models = await all(plans, stop, (plan) => fetchModel(plan, parts, limit, stop.signal));
    const bytes = plans.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0);
    const entries = wanted.map(({ name }, index) => [name, models[index]] as const);
    writeLock(lockFile, {
      version: 1,
      models: { ...lock.models, ...(Object.fromEntries(entries) as Record<string, LockedModel>) },
    });
    const names = (of: readonly ProfileModel[]) => of.map(({ name }) => name);
    return { pulled: names(wanted), skipped: names(own), lockFile, bytes };
  } catch (error) {
    if (error instanceof PassingError) {
      throw new StartError([`${error.message} (${parts.client.endpoint}); try again later.`]);
    }
    if (error instanceof HubError) throw new StartError([error.message]);
    throw error;
  } finally {
    parts.progress.stop();
  }
}

/** Runs `work` for all, and stops the others when one fails; the first failure is thrown. */
async function all<T, R>(
  items: readonly T[],
  stop: AbortController,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  let failure: { readonly error: unknown } | undefined;
  const results = await Promise.allSettled(
    items.map(async (item) => {
      try {
        return await work(item);
      } catch (error) {
        failure ??= { error };
        stop.abort();
        throw error;
      }
    }),
  );
  if (failure !== undefined) throw failure.error;
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** Asks the hub what the profile's revisions hold. */
async function ask(
  model: ProfileModel,
  { client, cache }: PullParts,
  signal: AbortSignal,
): Promise<Plan> {
  const { repo, revision, weightsRevision } = sourceOf(model);
  const main = await client.describe(repo, revision, signal);
  const other =
    weightsRevision === revision ? main : await client.describe(repo, weightsRevision, signal);
  await cache.remember(repo, revision, main.commit);
  await cache.remember(repo, weightsRevision, other.commit);
  const of = (commit: string, files: readonly RemoteFile[]) =>
    files.map((file) => ({ ...file, repo, commit, sha256: '' }));
  const settings = selectSettings(main.files, `${repo} at ${revision}`);
  const weights = selectWeights(other.files, `${repo} at ${weightsRevision}`);
  return {
    model,
    entry: { repo, revision, weights_revision: weightsRevision, licence: main.licence },
    files: [...of(main.commit, settings), ...of(other.commit, weights)],
    converted: undefined,
  };
}

function planOf(model: ProfileModel, { files, ...entry }: LockedModel): Plan {
  return {
    model,
    entry,
    files: files
      .filter((file) => file.converted_from === undefined)
      .map(({ path, commit, bytes, sha256, etag }) => ({
        repo: entry.repo,
        path,
        commit,
        bytes,
        sha256,
        etag: etag ?? sha256,
      })),
    converted: files.find((file) => file.converted_from !== undefined),
  };
}

function sourceOf({ name, source }: ProfileModel) {
  if (source === undefined) throw new Error(`Model ${name} has no source.`);
  return source;
}

/** @throws {StartError} when the disk cannot hold what is missing. */
async function requireSpace(plans: readonly Plan[], cache: HubCache): Promise<void> {
  let missing = 0;
  for (const { files } of plans) {
    for (const { repo, commit, path, bytes } of files) {
      if (!cache.has(repo, commit, path)) missing += bytes;
      if (path === PICKLED && !cache.has(repo, commit, SAFETENSORS)) missing += bytes;
    }
  }
  await mkdir(cache.folder, { recursive: true });
  const { bavail, bsize } = await statfs(cache.folder);
  const free = bavail * bsize;
  if (missing === 0 || missing + SPARE_BYTES <= free) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  throw new StartError([
    `The models need ${gigabytes(missing)} in ${cache.folder}, where ${gigabytes(free)} are free; ` +
      'make room, or set HF_HOME to a larger disk.',
  ]);
}

async function fetchModel(
  plan: Plan,
  { client, cache, progress, convert }: PullParts,
  limit: LimitFunction,
  signal: AbortSignal,
): Promise<LockedModel> {
  const { model, entry, files } = plan;
  const locked = await Promise.all(
    files.map((wanted) =>
      limit(async () => {
        const line = progress.file(`${model.name}/${wanted.path}`, wanted.bytes);
        const digests = await download(client, cache, wanted, line.at, signal);
        line.done();
        return lockedFile(wanted.path, wanted.commit, digests, { etag: wanted.etag });
      }),
    ),
  );
  const pickled = files.find(({ path }) => path === PICKLED);
  if (pickled !== undefined) {
    locked.push(await converted(plan, pickled, cache, progress, convert));
  }
  return { ...entry, files: locked };
}

/** Converts the pickle unless that was done; what comes out must be what the lock says. */
async function converted(
  { model, converted: expected }: Plan,
  { repo, commit }: Wanted,
  cache: HubCache,
  progress: Progress,
  convert: (folder: string) => Promise<void>,
): Promise<LockedFile> {
  const file = cache.file(repo, commit, SAFETENSORS);
  if (!cache.has(repo, commit, SAFETENSORS)) {
    progress.note(`${model.name}: storing ${PICKLED} as ${SAFETENSORS}`);
    await convert(cache.snapshot(repo, commit));
  }
  const digests = await digestsOf(file);
  if (expected !== undefined && expected.sha256 !== digests.sha256) {
    throw new HubError(
      `${repo}/${SAFETENSORS}: expected the sha256 ${expected.sha256} of the lock, ` +
        `found ${digests.sha256} in ${file}; delete it and pull again.`,
    );
  }
  return lockedFile(SAFETENSORS, commit, digests, { converted_from: PICKLED });
}

function lockedFile(
  path: string,
  commit: string,
  { bytes, sha256 }: Digests,
  origin: Pick<LockedFile, 'etag' | 'converted_from'>,
): LockedFile {
  return { path, commit, bytes, sha256, ...origin };
}
