/**
 * Whether what is to be served fits into the memory that there is, asked before anything large is loaded.
 *
 * Once it is too late the kernel ends the process without a word, at a moment of its own choosing.
 */

import type { Settings } from '../config/settings.js';
import { footprintOf, type EngineConfig, type Footprint } from '../engine/native-models.js';
import {
  mappedBytes,
  needBeside,
  needOf,
  needOfIndex,
  type IndexNeed,
  type Need,
} from '../memory/need.js';
import { indexRefusal, memoryRefusal, mib, whatFits, type Alternative } from '../memory/refusal.js';
import { inexactOn } from '../precisions.js';
import type { Profile } from '../profile/schema.js';
import { StartError } from '../start-error.js';

/** Of what is loaded, or is going to be. */
export interface Memory {
  readonly config: EngineConfig;
  readonly footprint: Footprint;
  readonly need: Need;
  /** Of the index that is mapped; absent where there is none. */
  readonly index: IndexNeed | undefined;
  /** Bytes; 0: not known. */
  readonly limit: number;
}

type Wanted = Pick<Settings, 'cacheSize' | 'maxBodyMemory' | 'memoryLimit' | 'modelMemory'>;

/** What serving `config` needs, with `index`; beside `before`, where that goes on meanwhile. */
export async function memoryOf(
  settings: Wanted,
  config: EngineConfig,
  {
    index,
    before,
  }: { readonly index?: IndexNeed | undefined; readonly before?: Memory | undefined } = {},
  ask = footprintOf,
): Promise<Memory> {
  const footprint = await ask(config);
  const bounds = { ...settings, index };
  const need =
    before === undefined
      ? needOf(footprint, bounds)
      : needBeside(before.need, footprint, takenOver(config, before.config), bounds);
  return { config, footprint, need, index, limit: settings.memoryLimit || footprint.memoryLimit };
}

/** `memory` once nothing else is served meanwhile. */
export function alone(memory: Memory, settings: Wanted): Memory {
  return { ...memory, need: needOf(memory.footprint, { ...settings, index: memory.index }) };
}

/**
 * @throws {StartError} when another generation of the index, which takes `next`, does not fit beside the one that is served,
 *   which takes `served`.
 */
export function requireIndexRoom(
  { footprint, limit }: Memory,
  settings: Wanted,
  generation: string,
  { next, served }: { readonly next: IndexNeed; readonly served: IndexNeed },
): void {
  if (limit === 0 || !footprint.isOnCpu) return;
  const need = needOfIndex(needOf(footprint, settings).bytes, served, next);
  if (need.bytes <= limit) return;
  const { bytes: alone } = needOf(footprint, { ...settings, index: next });
  throw new StartError(indexRefusal(generation, need, alone, limit));
}

/**
 * @throws {StartError} when `memory` does not fit, with what would. What runs on a GPU is not refused: its host's part
 *   is the driver's.
 */
export async function requireMemory(
  memory: Memory,
  settings: Wanted,
  profile: Profile,
  ask = footprintOf,
): Promise<void> {
  const { footprint, need, index, limit } = memory;
  if (limit === 0 || need.bytes <= limit || !footprint.isOnCpu) return;
  const others = await alternatives(memory, profile, ask);
  const fits = whatFits(footprint, { ...settings, index }, limit, others);
  throw new StartError(memoryRefusal(need, limit, fits));
}

/** For the log. */
export function memoryFields({ footprint, need, limit }: Memory): Readonly<Record<string, number>> {
  const { lanes, cpuQuota } = footprint;
  return {
    ...(footprint.isOnCpu ? { needBytes: Math.ceil(need.bytes) } : {}),
    mappedBytes: mappedBytes(footprint),
    ...(limit > 0 ? { limitBytes: limit } : {}),
    lanes,
    ...(cpuQuota > 0 ? { cpuQuota } : {}),
  };
}

/** For a person. */
export function memoryLine({ footprint, need, limit }: Memory): string {
  const { lanes, isOnCpu } = footprint;
  const taken = isOnCpu ? `up to ${mib(need.bytes)}` : 'not estimated on a GPU,';
  const tables = mappedBytes(footprint);
  const mapped = tables === 0 ? '' : `, and ${mib(tables)} of tables in files while there is room`;
  const allowed = limit === 0 ? '' : ` of ${mib(limit, 'down')}`;
  return `memory: ${taken}${allowed}${mapped}; lanes: ${lanes}`;
}

/** Smaller ways to serve the same models: a precision each, then the most lanes that fit. */
async function alternatives(
  { config, footprint }: Memory,
  { precisions }: Profile,
  ask: typeof footprintOf,
): Promise<Alternative[][]> {
  const smaller = inexactOn('cpu').filter(
    (precision) => precisions[precision] !== undefined && precision !== config.precision,
  );
  const fewer = halvings(footprint.lanes);
  const asked = async (how: string, other: Partial<EngineConfig>) => {
    return { how, footprint: await ask({ ...config, ...other }) };
  };
  return Promise.all([
    ...smaller.map(async (precision) => [await asked(`--precision ${precision}`, { precision })]),
    Promise.all(fewer.map((lanes) => asked(`--lanes ${lanes}`, { lanes }))),
  ]);
}

/** Half of `count`, half of that, and so on to one. */
function halvings(count: number): number[] {
  const half = Math.floor(count / 2);
  return half < 1 ? [] : [half, ...halvings(half)];
}

/** Names of the models of `config` that are loaded already: said in the same words, computed in the same way. */
function takenOver(config: EngineConfig, before: EngineConfig): ReadonlySet<string> {
  const same = new Set(
    config.precision === before.precision
      ? before.models.map((model) => JSON.stringify(model))
      : [],
  );
  const taken = config.models.filter((model) => same.has(JSON.stringify(model)));
  return new Set(taken.map(({ name }) => name));
}
