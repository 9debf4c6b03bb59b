/**
 * The engine of a profile, from settings and the files on this machine.
 */

import { engineSettingsOf, type Settings } from '../config/settings.js';
import type { Engine } from '../engine/engine.js';
import { loadNativeEngine, type Surroundings } from '../engine/native-engine.js';
import { LoadFailure, type EngineConfig, type ModelConfig } from '../engine/native-models.js';
import { locateOrtLibrary } from '../engine/ort-library.js';
import { HubCache } from '../hub/cache.js';
import { locateModels, type InstalledModel } from '../hub/installed.js';
import type { Profile, ProfileModel } from '../profile/schema.js';
import { exitCodes, StartError } from '../start-error.js';

/**
 * @throws {StartError} when a model or the library is not here, or the profile does not allow the
 *   precision.
 */
export function engineConfig(settings: Settings, profile: Profile): EngineConfig {
  const engineSettings = engineSettingsOf(settings);
  const { precision, ortLibrary } = engineSettings;
  const { file, models, precisions } = profile;
  if (precision !== 'exact' && precisions[precision] === undefined) {
    const allowed = ['exact', ...Object.keys(precisions)].join(', ');
    throw new StartError(
      [`${file} does not allow the precision ${precision}; it allows ${allowed}.`],
      exitCodes.usage,
    );
  }
  const installed = locateModels(profile, new HubCache());
  return {
    ...engineSettings,
    // Whoever asks it for all of a list waits for as long as that takes; see `serve`.
    maxWait: 0,
    ortLibrary: locateOrtLibrary(ortLibrary),
    models: models.map((model) => {
      const files = installed.get(model.name);
      if (files === undefined) throw new Error(`Model ${model.name} was not located.`);
      return modelConfig(model, files);
    }),
  };
}

/**
 * Loads the models of `config`, in `surroundings` where it is not alone.
 *
 * @throws {StartError} when a model cannot be loaded, at the profile's line where that is to blame.
 */
export async function loadEngine(
  config: EngineConfig,
  profile: Profile,
  surroundings?: Surroundings,
): Promise<Engine> {
  try {
    return await loadNativeEngine(config, surroundings);
  } catch (error) {
    throw error instanceof LoadFailure ? located(error, profile) : error;
  }
}

/** `failure` as a fault of the profile, if it is one. */
export function located(failure: LoadFailure, profile: Profile): StartError {
  const { model, field, message } = failure;
  const index = profile.models.findIndex(({ name }) => name === model);
  if (index < 0 || field === undefined) return failure;
  return new StartError([profile.fault(['models', index, field], message)], exitCodes.usage);
}

/** A model for the engine, whose files are those of `installed`. */
export function modelConfig(
  { name, labels, maxTokens, format, graph, pooling, load }: ProfileModel,
  installed: InstalledModel,
): ModelConfig {
  return {
    name,
    path: installed.folder,
    weightsPath: installed.weightsFolder,
    locked: installed.locked.map((file) => ({ ...file })),
    maxTokens,
    format,
    graph,
    pooling,
    load,
    labelNames: Object.entries(labels).map(([from, to]) => ({ from, to })),
  };
}
