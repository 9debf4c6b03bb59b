/**
 * `chorus models`: what the profiles serve, and what the cache holds.
 */

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { scanCacheDir } from '@huggingface/hub';

import { describeModel } from '../engine/native-models.js';
import { HubCache } from '../hub/cache.js';
import { commitOf, hasOwnFolder, locateModels, type InstalledModel } from '../hub/installed.js';
import { lockFileOf, readLock } from '../hub/lock.js';
import { sizeOf } from '../hub/progress.js';
import { locateProfile, shippedProfiles } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import type { Profile, ProfileModel } from '../profile/schema.js';
import { StartError } from '../start-error.js';
import type { Command } from './command.js';
import { computedBy, reasonOf } from './described.js';
import { parsed } from './parsed.js';
import { modelConfig } from './profile-engine.js';
import { textTable } from './table.js';

export const models: Command = {
  name: 'models',
  usage: '[profile…]',
  summary: 'List what profiles serve and what is cached',
  help: () => `Usage: chorus models [profile…]

Lists the models of the given profiles (all shipped ones by default) with their revisions and, where they are
here, what computes them: their weights or a graph. Then every revision in the cache with its size.
`,
  async run(args) {
    const { positionals } = parsed(() => parseArgs({ args: [...args], allowPositionals: true }));
    const names = positionals.length === 0 ? shippedProfiles() : positionals;
    const cache = new HubCache();
    const profiles = names.map((name) => readProfile(locateProfile(name)));
    const served = await Promise.all(profiles.map((profile) => servedRows(profile, cache)));
    process.stdout.write(textTable(HEAD, served.flat()));
    process.stdout.write(`\nIn ${cache.folder}:\n`);
    const cached = await cachedRows(cache);
    process.stdout.write(
      cached.length === 0 ? 'nothing\n' : textTable(['repository', 'revision', 'size'], cached),
    );
  },
};

const HEAD = ['profile', 'model', 'source', 'revision', 'state', 'computed by'];
const SHOWN_DIGITS = 12;
const SHOWN_REASON = 72;

function servedRows(profile: Profile, cache: HubCache): Promise<string[][]> {
  const lock = readLock(lockFileOf(profile.file));
  return Promise.all(
    profile.models.map(async (model) => {
      const { name, folder, source } = model;
      const installed = installedOf(profile, name, cache);
      const computed = installed === undefined ? '' : await computerOf(model, installed);
      if (hasOwnFolder(model)) return [profile.name, name, folder, '', 'own folder', computed];
      const locked = lock.models[name];
      const revision = (commitOf(locked) ?? source?.revision ?? '').slice(0, SHOWN_DIGITS);
      const state = stateOf(installed);
      return [profile.name, name, source?.repo ?? folder, revision, state, computed];
    }),
  );
}

/** The files of one model; undefined where they are not here. */
function installedOf(profile: Profile, name: string, cache: HubCache): InstalledModel | undefined {
  try {
    const only = { ...profile, models: profile.models.filter((model) => model.name === name) };
    return locateModels(only, cache).get(name);
  } catch (error) {
    if (error instanceof StartError) return undefined;
    throw error;
  }
}

function stateOf(installed: InstalledModel | undefined): string {
  if (installed === undefined) return 'not pulled';
  return `pulled, ${sizeOf(installed.locked.reduce((sum, file) => sum + file.bytes, 0))}`;
}

/** What computes the model, or the beginning of why it is not served: `chorus check` says the rest. */
async function computerOf(model: ProfileModel, installed: InstalledModel): Promise<string> {
  const config = modelConfig(model, installed);
  try {
    return computedBy(await describeModel(config), config);
  } catch (error) {
    const { message } = error as Error;
    const reason = `refused: ${reasonOf(message, installed.folder)}`;
    return reason.length > SHOWN_REASON ? `${reason.slice(0, SHOWN_REASON)}…` : reason;
  }
}

async function cachedRows({ folder }: HubCache): Promise<string[][]> {
  if (!existsSync(folder)) return [];
  const { repos } = await scanCacheDir(folder);
  return repos
    .filter(({ id }) => id.type === 'model')
    .flatMap(({ id, revisions }) =>
      revisions.map(({ commitOid, size }) => [
        id.name,
        commitOid.slice(0, SHOWN_DIGITS),
        sizeOf(size),
      ]),
    );
}
