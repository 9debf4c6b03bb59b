/**
 * The models of a profile as their folders describe them, before anything large is read.
 *
 * `serve` and `check` ask here, so that whatever is wrong with any model is told at once, and in no time.
 */

import { basename, relative } from 'node:path';

import {
  describeModel,
  LoadFailure,
  type Description,
  type EngineConfig,
  type ModelConfig,
} from '../engine/native-models.js';
import type { InstalledModel } from '../hub/installed.js';
import type { GraphFiles } from '../hub/pull.js';
import type { Profile, ProfileModel } from '../profile/schema.js';
import { unfitModels, type Tasks } from '../routes/endpoints.js';
import { exitCodes, StartError } from '../start-error.js';
import { located, modelConfig } from './profile-engine.js';

export interface Described {
  /** Of each model that can be served, by its name. */
  readonly models: ReadonlyMap<string, Description>;
  /** Why others cannot, and which contracts do not take theirs: a line each. */
  readonly faults: readonly string[];
  /** That of a start with these faults. */
  readonly exitCode: number;
}

/** Describes every model of `config`, and looks whether the routes of `profile` take what was found. */
export async function describeAll(
  { models }: Pick<EngineConfig, 'models'>,
  profile: Profile,
  describe: typeof describeModel = describeModel,
): Promise<Described> {
  const refusals: StartError[] = [];
  const found = new Map<string, Description>();
  const all = await Promise.allSettled(models.map((model) => describe(model)));
  for (const [index, { name }] of models.entries()) {
    const result = all[index];
    if (result?.status === 'fulfilled') found.set(name, result.value);
    else refusals.push(refusalOf(result?.reason, name, profile));
  }
  const unfit = unfitModels(profile, tasksOf(found));
  const isFiles = refusals.some(({ exitCode }) => exitCode !== exitCodes.usage);
  return {
    models: found,
    faults: [...refusals.flatMap(({ lines }) => lines), ...unfit],
    exitCode: isFiles ? exitCodes.failed : exitCodes.usage,
  };
}

/** @throws {StartError} with every fault of every model. */
export async function requireServable(
  config: EngineConfig,
  profile: Profile,
  describe?: typeof describeModel,
): Promise<void> {
  const { faults, exitCode } = await describeAll(config, profile, describe);
  if (faults.length > 0) throw new StartError(faults, exitCode);
}

/**
 * Describes a model by its small files, where those beside its weights, `names`, have not come yet.
 *
 * @throws {StartError} at the profile's line where that is to blame.
 */
export async function graphOf(
  model: ProfileModel,
  files: InstalledModel,
  names: readonly string[],
  profile: Profile,
): Promise<GraphFiles> {
  try {
    const { graph, data } = await describeModel(modelConfig(model, files), names);
    const named = (file: string) => relative(files.weightsFolder, file);
    return { graph: graph && named(graph), data: data.map(named) };
  } catch (error) {
    throw refusalOf(error, model.name, profile);
  }
}

/** `weights`, or the name of the graph in the model's folder. */
export function computedBy({ graph }: Description, { weightsPath }: ModelConfig): string {
  if (graph === '') return 'weights';
  return relative(weightsPath, graph) || basename(graph);
}

/** Why a model is refused, of the `message` that says so: without its own folder or graph, which begins most. */
export function reasonOf(message: string, folder: string): string {
  const rest = message.startsWith(folder) ? message.slice(folder.length) : '';
  const own = /^[/:]/.test(rest) ? rest.replace(/^[/: ]+/, '') : '';
  return own || message;
}

function tasksOf(models: Described['models']): Tasks {
  return new Map([...models].map(([name, { task }]) => [name, task]));
}

/** A panic of the engine, which has told more on standard error, is a line as well: the others are still described. */
function refusalOf(error: unknown, name: string, profile: Profile): StartError {
  if (error instanceof LoadFailure) return located(error, profile);
  if (error instanceof StartError) return error;
  return new StartError([`Model ${name} cannot be described: ${(error as Error).message}`]);
}
