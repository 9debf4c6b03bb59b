/**
 * `chorus models`: what the profiles serve, and what the cache holds.
 */

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { scanCacheDir } from '@huggingface/hub';

import { HubCache } from '../hub/cache.js';
import { hasOwnFolder, locateModels } from '../hub/installed.js';
import { lockFileOf, readLock } from '../hub/lock.js';
import { sizeOf } from '../hub/progress.js';
import { locateProfile, shippedProfiles } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import type { Profile } from '../profile/schema.js';
import { StartError } from '../start-error.js';
import type { Command } from './command.js';
import { parsed } from './parsed.js';
import { textTable } from './table.js';

export const models: Command = {
  name: 'models',
  usage: '[profile…]',
  summary: 'List what profiles serve and what is cached',
  help: () => `Usage: chorus models [profile…]

Lists the models of the given profiles (all shipped ones by default) with their revisions, and every
revision in the cache with its size.
`,
  async run(args) {
    const { positionals } = parsed(() => parseArgs({ args: [...args], allowPositionals: true }));
    const names = positionals.length === 0 ? shippedProfiles() : positionals;
    const cache = new HubCache();
    const profiles = names.map((name) => readProfile(locateProfile(name)));
    const served = profiles.flatMap((profile) => servedRows(profile, cache));
    process.stdout.write(textTable(['profile', 'model', 'source', 'revision', 'state'], served));
    process.stdout.write(`\nIn ${cache.folder}:\n`);
    const cached = await cachedRows(cache);
    process.stdout.write(
      cached.length === 0 ? 'nothing\n' : textTable(['repository', 'revision', 'size'], cached),
    );
  },
};

const SHOWN_DIGITS = 12;

function servedRows(profile: Profile, cache: HubCache): string[][] {
  const lock = readLock(lockFileOf(profile.file));
  return profile.models.map((model) => {
    const { name, folder, source } = model;
    if (hasOwnFolder(model)) return [profile.name, name, folder, '', 'own folder'];
    const locked = lock.models[name];
    const commit = locked?.files.find(({ path }) => path === 'config.json')?.commit;
    const revision = (commit ?? source?.revision ?? '').slice(0, SHOWN_DIGITS);
    return [profile.name, name, source?.repo ?? folder, revision, stateOf(profile, name, cache)];
  });
}

function stateOf(profile: Profile, name: string, cache: HubCache): string {
  try {
    const only = { ...profile, models: profile.models.filter((model) => model.name === name) };
    const [installed] = locateModels(only, cache).values();
    const bytes = installed?.locked.reduce((sum, file) => sum + file.bytes, 0) ?? 0;
    return `pulled, ${sizeOf(bytes)}`;
  } catch (error) {
    if (error instanceof StartError) return 'not pulled';
    throw error;
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
