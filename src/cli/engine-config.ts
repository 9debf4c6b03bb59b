/**
 * What the engine is started with, from settings, a profile and the files on this machine.
 */

import type { Settings } from '../config/settings.js';
import type { EngineConfig } from '../engine/native-engine.js';
import { locateOrtLibrary } from '../engine/ort-library.js';
import { HubCache } from '../hub/cache.js';
import { locateModels, type InstalledModel } from '../hub/installed.js';
import { locateProfile } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import type { Profile, ProfileModel } from '../profile/schema.js';
import { exitCodes, StartError } from '../start-error.js';

export type EngineSettings = Pick<
  Settings,
  'device' | 'deviceId' | 'lanes' | 'maxBatchTokens' | 'ortLibrary' | 'precision' | 'queueCapacity'
>;

/** @throws {StartError} when there is no such profile, or it is faulty. */
export function profileOf({
  profile,
  modelsDir,
}: Pick<Settings, 'modelsDir' | 'profile'>): Profile {
  return readProfile(locateProfile(profile), modelsDir === '' ? undefined : modelsDir);
}

/**
 * @throws {StartError} when a model or the library is not here, or the profile does not allow the
 *   precision.
 */
export function engineConfig(settings: EngineSettings, profile: Profile): EngineConfig {
  const { device, deviceId, lanes, maxBatchTokens } = settings;
  const { precision, queueCapacity } = settings;
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
    device,
    deviceId,
    lanes,
    maxBatchTokens,
    precision,
    queueCapacity,
    ortLibrary: locateOrtLibrary(settings.ortLibrary),
    models: models.map((model) => modelConfig(model, installed.get(model.name))),
  };
}

function modelConfig(
  { name, labels, maxTokens, pooling }: ProfileModel,
  installed: InstalledModel | undefined,
): EngineConfig['models'][number] {
  if (installed === undefined) throw new Error(`Model ${name} was not located.`);
  return {
    name,
    path: installed.folder,
    weightsPath: installed.weightsFolder,
    locked: installed.locked.map((file) => ({ ...file })),
    maxTokens,
    pooling,
    labelNames: Object.entries(labels).map(([from, to]) => ({ from, to })),
  };
}
