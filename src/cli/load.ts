/**
 * What `chorus serve` serves: a profile by its name, its engine beside the one that is served now, and what is kept of
 * its answers.
 */

import { selfTest } from '../check/self-test.js';
import { flagOf, type Settings } from '../config/settings.js';
import type { Engine } from '../engine/engine.js';
import type { EngineConfig } from '../engine/native-models.js';
import { lockedCommits } from '../hub/installed.js';
import type { Logger } from '../log/logger.js';
import type { Profile } from '../profile/schema.js';
import type { ServedIndex, ServedParts } from '../retrieval/served-index.js';
import type { Loaded } from '../server/generation.js';
import type { Load, Wanted } from '../server/reload.js';
import { exitCodes, StartError } from '../start-error.js';
import type { Cache } from './cache-tiers.js';
import { requireServable } from './described.js';
import { alone, memoryOf, requireIndexRoom, requireMemory, type Memory } from './memory.js';
import { modelLog } from './model-log.js';
import { engineConfig, loadEngine } from './profile-engine.js';
import { pullProfile } from './pull.js';
import { indexMemoryIn, indexOf, requireIndex } from './served-index.js';
import { servedBy, type Served } from './served.js';

/** What there is to load, with every fault that can be found before anything is. */
export interface Prepared {
  readonly served: Served;
  readonly config: EngineConfig;
  readonly memory: Memory;
  /** The commits of those models that were pulled, by their names. */
  readonly revisions: ReadonlyMap<string, string>;
}

export interface LoaderParts {
  readonly settings: Settings;
  /** What the settings say. */
  readonly first: Prepared;
  /** Keeps answers. */
  readonly cache: Cache;
  /** Is told of models that come and go. */
  readonly logger: Logger;
}

/** Loads what the settings say first, and then what is wanted otherwise. */
export function loader({ settings, first, cache, logger }: LoaderParts): Load {
  let serving:
    | { readonly engine: Engine; readonly memory: Memory; readonly index: ServedIndex | undefined }
    | undefined;
  return async (wanted: Wanted): Promise<Loaded> => {
    const { served, config, memory, revisions } =
      serving === undefined ? first : await prepare({ ...settings, ...wanted }, serving.memory);
    const surroundings = { before: serving?.engine, onModelEvent: modelLog(logger) };
    const engine = await loadEngine(config, served.profile, surroundings);
    // What the first start serves was tried by whoever made it; a reload must not be how a service gets worse.
    if (serving !== undefined) await tried(engine, served);
    const requireRoom: ServedParts['requireRoom'] = (next, beside, generation) => {
      requireIndexRoom(memory, settings, generation, { next, served: beside });
    };
    const index = await indexOf(settings, served, engine, {
      ...{ logger, requireRoom, before: serving?.index },
    }).catch(async (error: unknown) => {
      await engine.close();
      throw error;
    });
    serving = { engine, memory: alone(memory, settings), index };
    return { ...served, engine: cache.over(engine, served.profile), revisions, index };
  };
}

/**
 * `before`: what is served meanwhile, and goes on.
 *
 * @throws {StartError} with every fault, or where it does not fit into memory.
 */
export async function prepare(settings: Settings, before?: Memory): Promise<Prepared> {
  const served = servedBy(settings);
  const { profile } = served;
  if (settings.apiKeysFile === '') requireOpen(profile);
  requireIndex(settings, served);
  if (settings.pull) await pullProfile(profile);
  const config = { ...engineConfig(settings, profile), maxWait: settings.maxWait };
  await requireServable(config, profile);
  const index = await indexMemoryIn(settings, served);
  const memory = await memoryOf(settings, config, { index, before });
  await requireMemory(memory, settings, profile);
  return { served, config, memory, revisions: lockedCommits(profile) };
}

/** @throws {StartError} where a route is for some keys only, and nobody would be asked for one. */
function requireOpen({ routes, fault }: Profile): void {
  const faults = routes.flatMap(({ keys }, index) =>
    typeof keys === 'string'
      ? []
      : [fault(['routes', index, 'keys'], `needs ${flagOf('apiKeysFile')}`)],
  );
  if (faults.length > 0) throw new StartError(faults, exitCodes.usage);
}

/**
 * Asks the models that are in memory; others are not loaded for it, and answer a text of their own when they are.
 *
 * @throws {StartError} when `engine` does not answer as its profile promises; it is closed then.
 */
async function tried(engine: Engine, { profile }: Served): Promise<void> {
  const findings = { faults: [], notes: [] };
  const loaded = new Set(
    engine.stats().models.flatMap((model) => (model.loaded ? model.name : [])),
  );
  await selfTest(
    engine,
    {
      models: engine.models.filter(({ name }) => loaded.has(name)),
      texts: profile.golden.map(({ text }) => text),
      golden: profile.golden,
    },
    findings,
  );
  if (findings.faults.length === 0) return;
  await engine.close();
  throw new StartError(findings.faults);
}
