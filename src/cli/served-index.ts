/**
 * The index of a profile, from settings: which folder, which encoder, and what becomes of its generations.
 */

import { envOf, flagOf, type Settings } from '../config/settings.js';
import type { Engine, ModelInfo } from '../engine/engine.js';
import type { Logger } from '../log/logger.js';
import { IndexDirectory } from '../retrieval/index-directory.js';
import { folderSource, type IndexSource } from '../retrieval/index-source.js';
import { indexMemoryOf, type IndexMemory } from '../retrieval/index-memory.js';
import { readManifest } from '../retrieval/manifest.js';
import { ServedIndex, type IndexEvent, type StartParts } from '../retrieval/served-index.js';
import { IndexStore, type StorePatience } from '../retrieval/store/index-store.js';
import { exitCodes, StartError } from '../start-error.js';
import { secretOf } from './secrets.js';
import type { Served } from './served.js';

/** Where the index is; empty: nowhere. */
export function indexFolderOf(
  { indexDir }: Settings,
  { profile }: Pick<Served, 'profile'>,
): string {
  return indexDir === '' ? profile.index : indexDir;
}

/**
 * The name of the model that embeds what is looked for; nothing where no route looks in an index.
 *
 * @throws {StartError} when routes look in it by several: an index is of one encoder.
 */
export function encoderOf({ profile, endpoints }: Served): string | undefined {
  const asking = endpoints.filter(({ operation }) => operation.asksIndex === true);
  const encoders = [...new Set(asking.flatMap(({ route }) => route.models))];
  if (encoders.length <= 1) return encoders[0];
  throw new StartError(
    [`${profile.file}: routes look in the index by ${encoders.join(' and ')}; it has one encoder.`],
    exitCodes.usage,
  );
}

/** @throws {StartError} when there is a route that looks in an index, and none; or an index, and no such route. */
export function requireIndex(settings: Settings, served: Served): void {
  const { profile } = served;
  const [folderFlag, storeFlag] = [flagOf('indexDir'), flagOf('indexStore')];
  const isStored = settings.indexStore.length > 0;
  if (isStored && settings.indexDir !== '') {
    throw new StartError(
      [`Give ${folderFlag} or ${storeFlag}; one of them is served.`],
      exitCodes.usage,
    );
  }
  const folder = isStored ? '' : indexFolderOf(settings, served);
  if (encoderOf(served) === undefined) {
    if (folder === '' && !isStored) return;
    const flag = isStored ? storeFlag : folderFlag;
    const isGiven = isStored || settings.indexDir !== '';
    const what = isGiven ? `${flag} is given` : `${profile.file} has an index`;
    throw new StartError(
      [
        `${what}, and no route of ${profile.name} looks in one; a route with the contract retrieve does.`,
      ],
      exitCodes.usage,
    );
  }
  if (isStored) return;
  if (folder === '') {
    throw new StartError(
      [
        `${profile.name} looks in an index, and has none of its own: give ${folderFlag}, ` +
          `a folder in which chorus index has built and published one, or ${storeFlag}.`,
      ],
      exitCodes.usage,
    );
  }
  new IndexDirectory(folder).require();
}

/**
 * Opens the index for `engine`, and follows it.
 *
 * @throws {StartError} when nothing that is published can be served by its encoder.
 */
export async function indexOf(
  settings: Settings,
  served: Served,
  engine: Engine,
  { logger, ...parts }: Pick<StartParts, 'requireRoom' | 'before'> & { readonly logger: Logger },
): Promise<ServedIndex | undefined> {
  const name = encoderOf(served);
  if (name === undefined) return undefined;
  const index = await ServedIndex.start({
    source: sourceOf(settings, served),
    engine,
    encoder: encoderIn(engine, name),
    onEvent: indexLog(logger),
    ...parts,
  });
  const { generation, rows } = index.current.manifest;
  logger.info({ index: generation, rows }, 'serving an index');
  return index;
}

/**
 * What the generation takes that is published; nothing where nothing is mapped here, or it cannot be read: why is told when
 * it is opened.
 */
export async function indexMemoryIn(
  settings: Settings,
  served: Served,
): Promise<IndexMemory | undefined> {
  const folder = settings.indexStore.length > 0 ? '' : indexFolderOf(settings, served);
  if (folder === '' || encoderOf(served) === undefined) return undefined;
  const directory = new IndexDirectory(folder);
  try {
    const current = directory.current();
    if (current === undefined) return undefined;
    const { manifest } = await readManifest(directory.folderOf(current.generation));
    return indexMemoryOf(manifest);
  } catch {
    return undefined;
  }
}

function sourceOf(settings: Settings, served: Served): IndexSource {
  return storeOf(settings) ?? folderSource(new IndexDirectory(indexFolderOf(settings, served)));
}

/** The store of the index, where settings name one. */
export function storeOf(settings: Settings, patience?: StorePatience): IndexStore | undefined {
  const { indexStore, indexStoreName: name, indexStoreTimeout: timeoutMs } = settings;
  if (indexStore.length === 0) return undefined;
  const urls = [...new Set(indexStore.map((url) => new URL(url).origin))];
  const key = secretOf(settings, 'indexStoreKey');
  if (!/^[\x21-\x7e]*$/.test(key)) {
    const [variable, file] = [envOf('indexStoreKey'), flagOf('indexStoreKeyFile')];
    throw new StartError(
      [`${variable}, or the file of ${file}, must be one line of ASCII without blanks.`],
      exitCodes.usage,
    );
  }
  return new IndexStore({ urls, name, timeoutMs, key, patience });
}

export function encoderIn(engine: Engine, name: string): ModelInfo {
  const encoder = engine.models.find((model) => model.name === name);
  if (encoder === undefined) throw new Error(`No model ${name} is loaded.`);
  return encoder;
}

const TOLD = {
  refused: 'an index cannot be served',
  unavailable: 'an index cannot be searched',
} as const;

function indexLog(logger: Logger): (event: IndexEvent) => void {
  return (event) => {
    if (event.what === 'serving') {
      const { generation, rows, seconds } = event;
      logger.info({ index: generation, rows, seconds }, 'serving an index');
    } else {
      const { generation, error } = event;
      logger.error({ index: generation, detail: error }, TOLD[event.what]);
    }
  };
}
