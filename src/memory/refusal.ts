/**
 * Why a start is refused that does not fit into memory: the arithmetic, and what would fit.
 */

import type { Footprint } from '../engine/native-models.js';
import { needOf, type Bounds, type Need, type Part } from './need.js';

const MIB = 1024 ** 2;

/** The same profile, asked for in another way. */
export interface Alternative {
  /** How it is asked for, such as `--precision int8`. */
  readonly how: string;
  readonly footprint: Footprint;
}

/** Lines that say why `need` does not fit into `limit` bytes, with everything that would. */
export function memoryRefusal(
  need: Need,
  limit: number,
  alternatives: readonly string[],
): readonly string[] {
  const fits = [...alternatives, `a limit of ${mib(need.bytes)}, or a larger --memory-limit`];
  return [
    `The profile needs ${mib(need.bytes)} of memory, and the process may take ${mib(limit, 'down')}:`,
    ...need.parts.flatMap(lineOf),
    `What would fit: ${fits.join('; ')}.`,
  ];
}

/**
 * Lines that say why another generation of the index is not opened beside the one that is served, of which both together
 * take `need`, and after a restart `alone` bytes.
 */
export function indexRefusal(
  generation: string,
  need: Need,
  alone: number,
  limit: number,
): readonly string[] {
  const restart = alone <= limit ? [`a restart, which needs ${mib(alone)}`] : [];
  const fits = [...restart, `a limit of ${mib(need.bytes)}, or a larger --memory-limit`];
  return [
    `${generation} needs ${mib(need.bytes)} of memory with what is served meanwhile, and the process may take ` +
      `${mib(limit, 'down')}:`,
    ...need.parts.flatMap(lineOf),
    `What would fit: ${fits.join('; ')}.`,
  ];
}

/** What is too little to be told is not. */
function lineOf({ what, bytes }: Part): readonly string[] {
  return bytes < MIB / 2 ? [] : [`  ${mib(bytes).padStart(10)}  ${what}`];
}

/**
 * What of `bounds`, `others` and fewer models would fit `footprint` into `limit` bytes.
 *
 * `others`: lists of which the first that fits is told.
 */
export function whatFits(
  footprint: Footprint,
  bounds: Bounds,
  limit: number,
  others: readonly (readonly Alternative[])[],
): string[] {
  const need = (of: Footprint, by: Bounds = bounds) => needOf(of, by).bytes;
  const fitting = (how: string, bytes: number) =>
    bytes <= limit ? [`${how} (${mib(bytes)})`] : [];
  return [
    ...others.flatMap((list) =>
      list.flatMap(({ how, footprint }) => fitting(how, need(footprint))).slice(0, 1),
    ),
    ...smallerBudget(footprint, bounds, limit),
    ...fitting('--cache-size 0', need(footprint, { ...bounds, cacheSize: 0 })),
    ...fitting('--max-body-memory 8MiB', need(footprint, { ...bounds, maxBodyMemory: 8 * MIB })),
    ...fewerModels(footprint, bounds, limit),
  ];
}

/** A half or a quarter of what models take as a budget, where some of them may go. */
function smallerBudget(
  { models, ...footprint }: Footprint,
  bounds: Bounds,
  limit: number,
): string[] {
  if (!models.some(({ isLazy }) => isLazy)) return [];
  const weights = models.reduce((sum, model) => sum + model.weights, 0);
  const budgets = [2, 4, 8].map((part) => MIB * Math.ceil(weights / part / MIB));
  const fit = budgets
    .map((modelMemory) => ({
      modelMemory,
      need: needOf({ ...footprint, models }, { ...bounds, modelMemory }),
    }))
    .find(({ need }) => need.bytes <= limit);
  return fit ? [`--model-memory ${fit.modelMemory / MIB}MiB (${mib(fit.need.bytes)})`] : [];
}

/** The fewest models without which the others fit, the largest first. */
function fewerModels(footprint: Footprint, bounds: Bounds, limit: number): string[] {
  const bySize = footprint.models.toSorted((a, b) => b.weights + b.buffers - a.weights - a.buffers);
  for (let count = 1; count < bySize.length; count += 1) {
    const without = bySize.slice(0, count);
    const models = footprint.models.filter((model) => !without.includes(model));
    const { bytes } = needOf({ ...footprint, models }, bounds);
    if (bytes <= limit)
      return [`the profile without ${without.map(({ name }) => name).join(', ')} (${mib(bytes)})`];
  }
  return [];
}

/** A need is rounded up and what there is down, so that no refusal reads as if it fitted. */
export function mib(bytes: number, towards: 'up' | 'down' = 'up'): string {
  return `${Math[towards === 'up' ? 'ceil' : 'floor'](bytes / MIB)} MiB`;
}
