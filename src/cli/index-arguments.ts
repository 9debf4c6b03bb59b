/**
 * What the actions of `chorus index` are given: their own options, and those that `chorus serve` takes too.
 */

import { parseArgs, type ParseArgsConfig } from 'node:util';

import { duration } from '../config/kinds.js';
import { loadSettings } from '../config/load.js';
import { engineSettingNames, envOf, flagOf, type Settings } from '../config/settings.js';
import { IndexDirectory } from '../retrieval/index-directory.js';
import { folderPublisher } from '../retrieval/publish.js';
import type { Publisher } from '../retrieval/publisher.js';
import type { StorePatience } from '../retrieval/store/index-store.js';
import { PATIENCE_MS } from '../retrieval/store/patience.js';
import { StorePublisher } from '../retrieval/store/store-publisher.js';
import { exitCodes, StartError } from '../start-error.js';
import { parsed, PassedOn } from './parsed.js';
import { indexFolderOf, storeOf } from './served-index.js';
import { servedBy, type Served } from './served.js';

/** What is built for where nothing else is said. */
export const PROFILE = 'retrieval-starter';

/** What `serve` takes too: the profile, where the index is, and everything that decides how its encoder runs. */
export const passedOn = new PassedOn([
  ...(['profile', 'modelsDir', 'indexDir'] as const),
  ...(['indexStore', 'indexStoreName', 'indexStoreKeyFile', 'indexStoreTimeout'] as const),
  ...engineSettingNames,
]);

type Options = NonNullable<ParseArgsConfig['options']>;

export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly settings: Settings;
}

export function argumentsOf(args: readonly string[], own: Options = {}): Arguments {
  const { values, positionals } = parsed(() =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...passedOn.options, wait: { type: 'string' }, ...own },
    }),
  );
  const given = values as Arguments['values'];
  const flags = passedOn.given(given);
  const profile = process.env[envOf('profile')] ? [] : [`--profile=${PROFILE}`];
  const { settings } = loadSettings(
    given.profile === undefined ? [...profile, ...flags] : flags,
    process.env,
  );
  return { values: given, positionals, settings };
}

/** @throws {StartError} when neither settings nor profile name one. */
export function directoryOf(settings: Settings, served?: Served): IndexDirectory {
  const folder = folderOf(settings, served);
  if (folder !== '') return new IndexDirectory(folder);
  throw new StartError([`Give ${flagOf('indexDir')}, the folder of the index.`], exitCodes.usage);
}

/** The folder that settings name, else the profile's own, which is read for it; empty: none. */
function folderOf(settings: Settings, served: Served | undefined): string {
  const { indexDir } = settings;
  return indexDir === '' ? indexFolderOf(settings, served ?? servedBy(settings)) : indexDir;
}

/** Where generations are published: in the store, if settings name one. */
export function publisherOf(
  settings: Settings,
  { replicas, shards, wait }: Arguments['values'],
  served?: Served,
): Publisher {
  const store = storeOf(settings, patienceOf(wait));
  const copies = {
    replicas: countOf('replicas', replicas),
    shards: countOf('shards', shards),
  };
  if (store !== undefined) {
    const folder = folderOf(settings, served);
    const directory = folder === '' ? undefined : new IndexDirectory(folder);
    return new StorePublisher({ store, directory, copies });
  }
  if (replicas === undefined && shards === undefined) {
    return folderPublisher(directoryOf(settings, served));
  }
  throw new StartError(
    [`--replicas and --shards are of a store; give ${flagOf('indexStore')}.`],
    exitCodes.usage,
  );
}

/** For how long nodes are waited for that do not answer; who waits is told on standard error. */
function patienceOf(written: string | boolean | undefined): StorePatience {
  const ms = written === undefined ? PATIENCE_MS : duration.schema.safeParse(written).data;
  if (ms === undefined) {
    throw new StartError(
      [`--wait is "${written}"; it must be ${duration.expects}.`],
      exitCodes.usage,
    );
  }
  return {
    ms,
    onWait: (troubles) => {
      process.stderr.write(
        `waiting up to ${ms / 1000} s (--wait) for nodes of the store: ${troubles}\n`,
      );
    },
  };
}

/** Of `publish`, and of `build` where it publishes. */
export const copyOptions = { replicas: { type: 'string' }, shards: { type: 'string' } } as const;

function countOf(name: string, written: string | boolean | undefined): number | undefined {
  if (written === undefined) return undefined;
  if (/^[1-9]\d{0,2}$/.test(String(written))) return Number(written);
  throw new StartError(
    [`--${name} is "${written}"; it must be a number, 1 to 999.`],
    exitCodes.usage,
  );
}

export function requireNone(positionals: readonly string[]): void {
  if (positionals.length === 0) return;
  throw new StartError([`"${positionals.join(' ')}" is not known here.`], exitCodes.usage);
}
