/**
 * What `chorus serve` serves: a profile by its name, its engine beside the one that is served now, and what is kept of
 * its answers.
 */

import { selfTest } from '../check/self-test.js';
import type { Settings } from '../config/settings.js';
import type { Engine } from '../engine/engine.js';
import type { EngineConfig } from '../engine/native-engine.js';
import type { Loaded } from '../server/generation.js';
import type { Load, Wanted } from '../server/reload.js';
import { StartError } from '../start-error.js';
import type { Cache } from './cache-tiers.js';
import { requireServable } from './described.js';
import { memoryOf, requireMemory, type Memory } from './memory.js';
import { engineConfig, loadEngine } from './profile-engine.js';
import { pullProfile } from './pull.js';
import { servedBy, type Served } from './served.js';

/** What there is to load, with every fault that can be found before anything is. */
export interface Prepared {
  readonly served: Served;
  readonly config: EngineConfig;
  readonly memory: Memory;
}

/** Loads `first`, which `settings` say, and then what is wanted otherwise; keeps answers in `cache`. */
export function loader(settings: Settings, first: Prepared, cache: Cache): Load {
  let serving: { readonly engine: Engine; readonly memory: Memory } | undefined;
  return async (wanted: Wanted): Promise<Loaded> => {
    const { served, config } =
      serving === undefined ? first : await prepare({ ...settings, ...wanted }, serving.memory);
    const engine = await loadEngine(config, served.profile, serving?.engine);
    // What the first start serves was tried by whoever made it; a reload must not be how a service gets worse.
    if (serving !== undefined) await tried(engine, served);
    serving = { engine, memory: await memoryOf(settings, config) };
    return { ...served, engine: cache.over(engine, served.profile) };
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
  if (settings.pull) await pullProfile(profile);
  const config = { ...engineConfig(settings, profile), maxWait: settings.maxWait };
  await requireServable(config, profile);
  const memory = await memoryOf(settings, config, before);
  await requireMemory(memory, settings, profile);
  return { served, config, memory };
}

/** @throws {StartError} when `engine` does not answer as its profile promises; it is closed then. */
async function tried(engine: Engine, { profile }: Served): Promise<void> {
  const findings = { faults: [], notes: [] };
  await selfTest(
    engine,
    profile.golden.map(({ text }) => text),
    profile.golden,
    findings,
  );
  if (findings.faults.length === 0) return;
  await engine.close();
  throw new StartError(findings.faults);
}
