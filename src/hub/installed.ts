/**
 * Where the files of a profile's models are on this machine.
 */

import { existsSync } from 'node:fs';

import { writtenAs } from '../profile/locate.js';
import type { Profile, ProfileModel } from '../profile/schema.js';
import { exitCodes, StartError } from '../start-error.js';
import type { HubCache } from './cache.js';
import { lockFileOf, readLock, type Lock, type LockedModel } from './lock.js';
import { isSettings } from './select.js';

export interface InstalledModel {
  /** Configuration and tokenizer. */
  readonly folder: string;
  /** The weights; another folder where the profile takes them from another commit. */
  readonly weightsFolder: string;
  /** What must be so before a model is loaded; empty for a folder of the user's own. */
  readonly locked: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
}

/** A model's folder of the user's own, which wins over whatever was pulled. */
export function hasOwnFolder({ folder }: ProfileModel): boolean {
  return existsSync(folder);
}

/**
 * The files of every model, by its name: a folder of the user's own, or what the lock names in the
 * cache.
 *
 * @throws {StartError} with a line for each model that is not here, and the command that brings it.
 */
export function locateModels(
  profile: Profile,
  cache: HubCache,
): ReadonlyMap<string, InstalledModel> {
  const lock = readLock(lockFileOf(profile.file));
  const found = new Map<string, InstalledModel>();
  const missing: string[] = [];
  for (const model of profile.models) {
    const installed = locate(model, profile, lock, cache);
    if (typeof installed === 'string') missing.push(installed);
    else found.set(model.name, installed);
  }
  if (missing.length > 0) throw new StartError(missing);
  return found;
}

/** The model's files, or why there are none. */
function locate(
  model: ProfileModel,
  profile: Profile,
  lock: Lock,
  cache: HubCache,
): InstalledModel | string {
  const { name, folder, source } = model;
  if (hasOwnFolder(model)) return { folder, weightsFolder: folder, locked: [] };
  const who = `Model ${name} of profile ${profile.name}`;
  if (source === undefined) {
    return (
      `${who} is not in ${folder}; put it there, or point --models-dir (CHORUS_MODELS_DIR) ` +
      `at the folder that holds ${name}/.`
    );
  }
  const locked = lock.models[name];
  const command = `chorus pull ${writtenAs(profile.file)}`;
  if (locked === undefined) return `${who} is not pulled, and not in ${folder}; run: ${command}`;
  requireSameSource(model, locked, profile);
  const served = servedFiles(locked);
  const absent = served.find(({ commit, path }) => !cache.has(locked.repo, commit, path));
  if (absent !== undefined) {
    const where = cache.file(locked.repo, absent.commit, absent.path);
    return `${who} is not pulled: there is no ${where}; run: ${command}`;
  }
  const settings = commitOf(locked) ?? '';
  const weights = served.find(({ path }) => !isSettings(path))?.commit ?? settings;
  return {
    folder: cache.snapshot(locked.repo, settings),
    weightsFolder: cache.snapshot(locked.repo, weights),
    locked: served.map(({ commit, path, bytes, sha256 }) => ({
      path: cache.file(locked.repo, commit, path),
      bytes,
      sha256,
    })),
  };
}

/** The commit of each model that was pulled: that of its configuration, as the lock has it. */
export function lockedCommits(profile: Profile): ReadonlyMap<string, string> {
  const lock = readLock(lockFileOf(profile.file));
  return new Map(
    profile.models
      .filter((model) => !hasOwnFolder(model))
      .flatMap(({ name }) => {
        const commit = commitOf(lock.models[name]);
        return commit === undefined ? [] : [[name, commit] as const];
      }),
  );
}

/** The commit that a model's configuration is of; its weights may be of another (`weights_revision`). */
export function commitOf(locked: LockedModel | undefined): string | undefined {
  return locked?.files.find(({ path }) => path === 'config.json')?.commit;
}

/** What serving reads: not the pickle that a file was converted from. */
function servedFiles({ files }: LockedModel): LockedModel['files'] {
  const sources = new Set(files.map((file) => file.converted_from));
  return files.filter(({ path }) => !sources.has(path));
}

/** @throws {StartError} when the profile names another source than the lock. */
export function requireSameSource(
  { name, source }: ProfileModel,
  locked: LockedModel,
  profile: Profile,
): void {
  if (source === undefined) return;
  const wanted = `${source.repo} at ${source.revision} with weights of ${source.weightsRevision}`;
  const has = `${locked.repo} at ${locked.revision} with weights of ${locked.weights_revision}`;
  if (wanted === has) return;
  throw new StartError(
    [
      `Model ${name}: the profile names ${wanted}, but ${lockFileOf(profile.file)} has ${has}; ` +
        `put one right, or run: chorus pull ${writtenAs(profile.file)} --update`,
    ],
    exitCodes.usage,
  );
}
