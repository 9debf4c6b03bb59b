/**
 * Brings the models of a profile into the cache and writes down what came.
 *
 * The small files of a model come first and are described, so that one that is not served is refused before its
 * weights are asked for, and of several formats only that one comes which computes it.
 */

import { mkdir, statfs } from 'node:fs/promises';

import pLimit, { type LimitFunction } from 'p-limit';

import { writtenAs } from '../profile/locate.js';
import type { Profile, ProfileModel } from '../profile/schema.js';
import { StartError } from '../start-error.js';
import type { HubCache } from './cache.js';
import type { HubClient } from './client.js';
import { digestsOf, type Digests } from './digest.js';
import { download, type Wanted } from './download.js';
import { HubError, told } from './hub-error.js';
import { hasOwnFolder, requireSameSource, type InstalledModel } from './installed.js';
import {
  lockFileOf,
  noLock,
  readLock,
  writeLock,
  type LockedFile,
  type LockedModel,
} from './lock.js';
import { partialBytes } from './partial.js';
import { planFromHub, planFromLock, type Plan } from './plan.js';
import type { Progress } from './progress.js';
import { isPickled, storedAs } from './select.js';

export interface PullParts {
  readonly client: HubClient;
  readonly cache: HubCache;
  readonly progress: Progress;
  /**
   * The graph that computes a model, if one does. `names` are those of the files beside its weights, which need not
   * have come.
   *
   * @throws {StartError} when the files that have come say that it cannot be served.
   */
  readonly describe: (
    model: ProfileModel,
    files: InstalledModel,
    names: readonly string[],
  ) => Promise<GraphFiles>;
  /** Stores the folder's pickled weights as safetensors beside them, unless they have been; tells which as which. */
  readonly convert: (folder: string) => Promise<readonly { from: string; to: string }[]>;
  /** Whether to ask the hub anew and replace what the lock says. */
  readonly update: boolean;
}

/** Names relative to the folder of a model's weights. */
export interface GraphFiles {
  /** Empty: weights compute the model. */
  readonly graph: string;
  /** What has numbers of the graph, as the graph says; empty while it has not come. */
  readonly data: readonly string[];
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

/** A model whose files have come as far as they say what else it needs. */
interface Begun {
  readonly plan: Plan;
  readonly fetched: readonly LockedFile[];
  readonly missing: readonly Wanted[];
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
  const lock = parts.update ? noLock() : readLock(lockFile);
  const own = profile.models.filter((model) => model.source === undefined || hasOwnFolder(model));
  const wanted = profile.models.filter((model) => !own.includes(model));
  if (wanted.length > 0) parts.cache.requireFolder();
  const stop = new AbortController();
  const fetching = { ...parts, limit: pLimit(PARALLEL), signal: stop.signal };
  try {
    const begun = await all(wanted, stop, async (model) => {
      const locked = lock.models[model.name];
      if (locked === undefined)
        return begin(await planFromHub(model, parts, stop.signal), fetching);
      requireSameSource(model, locked, profile);
      return begin(planFromLock(model, locked), fetching).catch((error: unknown) => {
        throw unlessOutdated(error, profile);
      });
    });
    const missing = begun.flatMap((model) => model.missing);
    await requireSpace(missing, parts.cache);
    const models = await all(begun, stop, (one) => finish(one, fetching));
    const files = [...begun.flatMap(({ fetched }) => fetched), ...missing];
    const entries = wanted.map(({ name }, index) => [name, models[index]] as const);
    writeLock(lockFile, {
      ...lock,
      models: { ...lock.models, ...(Object.fromEntries(entries) as Record<string, LockedModel>) },
    });
    const names = (of: readonly ProfileModel[]) => of.map(({ name }) => name);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    return { pulled: names(wanted), skipped: names(own), lockFile, bytes };
  } catch (error) {
    throw told(error, parts.client.endpoint, parts.cache.folder);
  } finally {
    parts.progress.stop();
  }
}

interface Fetching extends PullParts {
  readonly limit: LimitFunction;
  readonly signal: AbortSignal;
}

/** A lock has what the profile wanted when it was written; the repository may have more. */
function unlessOutdated(error: unknown, { file }: Profile): unknown {
  if (!(error instanceof StartError)) return error;
  const command = `chorus pull ${writtenAs(file)} --update`;
  const advice = `Only what ${lockFileOf(file)} names was looked at; to ask the hub anew, run: ${command}`;
  return new StartError([...error.lines, advice], error.exitCode);
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

/** Fetches what describes a model, and finds out what else it needs. */
async function begin(plan: Plan, fetching: Fetching): Promise<Begun> {
  const { model, entry, weights } = plan;
  const settings = await fetchAll(model, plan.settings, fetching);
  const { cache } = fetching;
  const files = {
    folder: cache.snapshot(entry.repo, plan.settings[0]?.commit ?? ''),
    weightsFolder: cache.snapshot(entry.repo, weights.commit),
    locked: [],
  };
  const { graph } = await fetching.describe(model, files, weights.names);
  const computing = weights.select(graph);
  if (graph === '') return { plan, fetched: settings, missing: computing };
  await requireSpace(computing, cache);
  const fetched = [...settings, ...(await fetchAll(model, computing, fetching))];
  const { data } = await fetching.describe(model, files, weights.names);
  return { plan, fetched, missing: weights.data(data) };
}

/** @throws {StartError} when the disk cannot hold what is missing. */
async function requireSpace(files: readonly Wanted[], cache: HubCache): Promise<void> {
  let missing = 0;
  for (const { repo, commit, path, bytes, etag } of files) {
    if (!cache.has(repo, commit, path)) {
      missing += Math.max(bytes - (await partialBytes(cache.blob(repo, etag))), 0);
    }
    if (isPickled(path) && !cache.has(repo, commit, storedAs(path))) missing += bytes;
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

/** Fetches what computes a model. */
async function finish({ plan, fetched, missing }: Begun, fetching: Fetching): Promise<LockedModel> {
  const files = [...fetched, ...(await fetchAll(plan.model, missing, fetching))];
  const pickled = missing.filter(({ path }) => isPickled(path));
  if (pickled.length > 0) files.push(...(await convertAll(plan, pickled, fetching)));
  return { ...plan.entry, files };
}

async function fetchAll(
  { name }: ProfileModel,
  files: readonly Wanted[],
  { client, cache, progress, limit, signal }: Fetching,
): Promise<LockedFile[]> {
  return Promise.all(
    files.map((wanted) =>
      limit(async () => {
        const line = progress.file(`${name}/${wanted.path}`, wanted.bytes);
        const onWait = (who: string) => {
          progress.note(`${name}/${wanted.path}: ${who} is at it; waiting`);
        };
        const watched = { onBytes: line.at, onWait };
        const digests = await download(client, cache, wanted, watched, signal);
        line.done();
        return lockedFile(wanted.path, wanted.commit, digests, { etag: wanted.etag });
      }),
    ),
  );
}

/** What comes of converting pickles must be what the lock says. */
async function convertAll(
  plan: Plan,
  pickled: readonly Wanted[],
  fetching: Fetching,
): Promise<LockedFile[]> {
  const { cache } = fetching;
  const { repo } = plan.entry;
  const { commit } = plan.weights;
  const made: LockedFile[] = [];
  for (const { from, to } of await store(plan, pickled, fetching)) {
    const file = cache.file(repo, commit, to);
    const digests = await digestsOf(file);
    const expected = plan.converted.find(({ path }) => path === to);
    if (expected !== undefined && expected.sha256 !== digests.sha256) {
      throw new HubError(
        `${repo}/${to}: expected the sha256 ${expected.sha256} of the lock, ` +
          `found ${digests.sha256} in ${file}; delete it and pull again.`,
      );
    }
    made.push(lockedFile(to, commit, digests, { converted_from: from }));
  }
  return made;
}

/** Converts pickles, one process at a time; nothing is written where that was done. */
async function store(
  { model, entry: { repo }, weights: { commit } }: Plan,
  pickled: readonly Wanted[],
  { cache, progress, convert, signal }: Fetching,
): ReturnType<PullParts['convert']> {
  const missing = () => pickled.filter(({ path }) => !cache.has(repo, commit, storedAs(path)));
  const folder = cache.snapshot(repo, commit);
  if (missing().length === 0) return convert(folder);
  const work = () => {
    for (const { path } of missing()) {
      progress.note(`${model.name}: storing ${path} as ${storedAs(path)}`);
    }
    return convert(folder);
  };
  const onWait = (who: string) => {
    progress.note(`${model.name}: ${who} is storing its weights; waiting`);
  };
  return cache.exclusively(cache.blob(repo, `${commit}.converted`), work, signal, onWait);
}

function lockedFile(
  path: string,
  commit: string,
  { bytes, sha256 }: Digests,
  origin: Pick<LockedFile, 'etag' | 'converted_from'>,
): LockedFile {
  return { path, commit, bytes, sha256, ...origin };
}
