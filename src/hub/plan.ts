/**
 * What is to be fetched for a model: what the hub has of it, or what a lock names.
 */

import type { ProfileModel } from '../profile/schema.js';
import type { HubCache } from './cache.js';
import type { HubClient, RemoteFile } from './client.js';
import type { Wanted } from './download.js';
import type { LockedFile, LockedModel } from './lock.js';
import { computing, isSettings, selectData, selectSettings, selectWeights } from './select.js';

/** What is to be fetched for one model. */
export interface Plan {
  readonly model: ProfileModel;
  readonly entry: Omit<LockedModel, 'files'>;
  readonly settings: readonly Wanted[];
  readonly weights: Weights;
  /** What the lock says of the files that are made here. */
  readonly converted: readonly LockedFile[];
}

interface Weights {
  readonly commit: string;
  /** Of the files that may compute the model. */
  readonly names: readonly string[];
  /** `graph`, or the weights that do. */
  readonly select: (graph: string) => readonly Wanted[];
  /**
   * Files of a graph's numbers.
   *
   * @throws {StartError} for one that is not there.
   */
  readonly data: (names: readonly string[]) => readonly Wanted[];
}

/** Asks the hub what the profile's revisions hold. */
export async function planFromHub(
  model: ProfileModel,
  { client, cache }: { readonly client: HubClient; readonly cache: HubCache },
  signal: AbortSignal,
): Promise<Plan> {
  const { repo, revision, weightsRevision } = sourceOf(model);
  const main = await client.describe(repo, revision, signal);
  const other =
    weightsRevision === revision ? main : await client.describe(repo, weightsRevision, signal);
  cache.remember(repo, revision, main.commit);
  cache.remember(repo, weightsRevision, other.commit);
  const of = (commit: string, files: readonly RemoteFile[]) =>
    files.map((file) => ({ ...file, repo, commit, sha256: '' }));
  const settings = selectSettings(main.files, `${repo} at ${revision}`);
  const files = of(other.commit, other.files);
  const what = `${repo} at ${weightsRevision}`;
  return {
    model,
    entry: { repo, revision, weights_revision: weightsRevision, licence: main.licence },
    settings: of(main.commit, settings),
    weights: {
      commit: other.commit,
      names: computing(files, what),
      select: (graph) => selectWeights(files, graph),
      data: (names) => selectData(files, names, what),
    },
    converted: [],
  };
}

/** What the lock names, and nothing else. */
export function planFromLock(model: ProfileModel, { files, ...entry }: LockedModel): Plan {
  const converted = files.filter((file) => file.converted_from !== undefined);
  const wanted = files
    .filter((file) => !converted.includes(file))
    .map(({ path, commit, bytes, sha256, etag }) => ({
      repo: entry.repo,
      path,
      commit,
      bytes,
      sha256,
      etag: etag ?? sha256,
    }));
  const weights = wanted.filter(({ path }) => !isSettings(path));
  return {
    model,
    entry,
    settings: wanted.filter((file) => !weights.includes(file)),
    weights: {
      commit: weights[0]?.commit ?? '',
      names: weights.map(({ path }) => path),
      select: (graph) => selectWeights(weights, graph),
      data: (names) => selectData(weights, names, `the lock of ${model.name}`),
    },
    converted,
  };
}

function sourceOf({ name, source }: ProfileModel) {
  if (source === undefined) throw new Error(`Model ${name} has no source.`);
  return source;
}
