/**
 * What the Rust addon finds out about models that are not loaded, and does to their files.
 */

import { StartError } from '../start-error.js';
import { loadAddon, type Addon } from './addon.js';
import type * as native from './addon.js';
export type {
  Description,
  EngineConfig,
  Footprint,
  ModelConfig,
  Setting,
  StoredFile,
} from './addon.js';

/**
 * What the small files of a model's folder say it is, before anything large of it is read.
 *
 * `files` are the names of those beside its weights, which need not be there yet; none: those that are there.
 *
 * @throws {LoadFailure} with the addon's message: which file, what was expected, what was found.
 */
export async function describeModel(
  config: native.ModelConfig,
  files: readonly string[] = [],
  addon: Pick<Addon, 'describeModel'> = loadAddon(),
): Promise<native.Description> {
  const outcome = await addon.describeModel(config, [...files]);
  if (outcome.type === 'failed') throw new LoadFailure(outcome);
  return outcome.description;
}

/**
 * What the models of `config` are going to take, by their small files, and what the process may take.
 *
 * @throws {LoadFailure} as `describeModel`.
 */
export async function footprintOf(
  config: native.EngineConfig,
  addon: Pick<Addon, 'footprint'> = loadAddon(),
): Promise<native.Footprint> {
  const outcome = await addon.footprint(config);
  if (outcome.type === 'failed') throw new LoadFailure(outcome);
  return outcome.footprint;
}

/** A model cannot be served; `model` and `field` name the entry of the profile where one is to blame. */
export class LoadFailure extends StartError {
  readonly model: string | undefined;
  readonly field: string | undefined;

  constructor({ message, model, field }: Extract<native.LoadOutcome, { type: 'failed' }>) {
    super([message]);
    this.model = model;
    this.field = field;
  }
}

/**
 * Stores the folder's pickled weights as safetensors beside them, unless they have been; gives which file is stored
 * as which.
 *
 * @throws {StartError} when they hold anything but tensors.
 */
export async function convertCheckpoint(folder: string): Promise<readonly native.StoredFile[]> {
  const outcome = await loadAddon().convertCheckpoint(folder);
  if (outcome.type === 'failed') throw new StartError([outcome.message]);
  return outcome.files;
}
