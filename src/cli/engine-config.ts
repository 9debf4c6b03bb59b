/**
 * What the engine is started with, from settings, a profile and the files on this machine.
 */

import type { Settings } from '../config/settings.js';
import type { EngineConfig } from '../engine/native-engine.js';
import type { InstalledModel } from '../hub/installed.js';
import type { Profile, ProfileModel } from '../profile/schema.js';
import { exitCodes, StartError } from '../start-error.js';

export type EngineSettings = Pick<
  Settings,
  'device' | 'kernels' | 'lanes' | 'maxBatchTokens' | 'precision' | 'queueCapacity'
>;

/** @throws {StartError} when the profile does not allow the precision. */
export function engineConfig(
  { device, kernels, lanes, maxBatchTokens, precision, queueCapacity }: EngineSettings,
  { file, models, precisions }: Profile,
  installed: ReadonlyMap<string, InstalledModel>,
  ortLibrary: string,
): EngineConfig {
  if (precision !== 'exact' && precisions[precision] === undefined) {
    throw new StartError([`${file} does not allow the precision ${precision}.`], exitCodes.usage);
  }
  return {
    device,
    kernels,
    lanes,
    maxBatchTokens,
    precision,
    queueCapacity,
    ortLibrary,
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
