/**
 * What the process takes at the worst moment, by what takes it.
 *
 * The engine says what models, batches and tokenizers take; the rest is here. Its numbers are measured, and
 * docs/memory.md compares the sums with what was seen. Not counted are pages of files that the system takes back where
 * memory is short: the embedding tables. Those of an index are counted that every search reads: without them it would be
 * served from the disk.
 */

import type { Footprint } from '../engine/native-models.js';

const MIB = 1024 ** 2;

/**
 * Node.js with its heap, the thread of probes and the pages of programs that run all the time: 145 MiB resident when
 * ready, and garbage that waits to be collected under load.
 */
const PROCESS_BYTES = 176 * MIB;

/** A body is there as it came and as the text that it says; for a moment the engine has its own copy. */
const BODY_COPIES = 2;

/** The cache counts about what its answers take; how V8 lays them out takes more. */
const CACHE_OVERHEAD = 1.25;

/** Of the settings, what bounds memory; bytes. */
export interface Bounds {
  readonly cacheSize: number;
  readonly maxBodyMemory: number;
  /** For the weights of models; 0: no limit. */
  readonly modelMemory: number;
  /** What the index takes that is mapped here; absent: there is none. */
  readonly index?: IndexNeed | undefined;
}

/** Bytes of an index' files that every search reads, and those that it holds besides. */
export interface IndexNeed {
  readonly read: number;
  readonly held: number;
}

/** Bytes, and what they are for. */
export interface Part {
  readonly what: string;
  readonly bytes: number;
}

export interface Need {
  readonly bytes: number;
  readonly parts: readonly Part[];
}

/** What is needed to load and to serve what `footprint` describes. */
export function needOf(footprint: Footprint, bounds: Bounds): Need {
  const { models, tokenizers, loadingTokenizers, packing, lanes } = footprint;
  const { eager, lazy } = together(models, bounds);
  const fixed = { what: 'Node.js and what the process is made of', bytes: PROCESS_BYTES };
  const serving: Part[] = [
    ...eager.map((model) => ({ what: model.name, bytes: model.weights })),
    ...(lazy.weights > 0
      ? [{ what: 'models on demand (--model-memory)', bytes: lazy.weights }]
      : []),
    {
      what: `batches of ${lanes} ${lanes === 1 ? 'lane' : 'lanes'}`,
      bytes: sum(eager.map(({ buffers }) => buffers)) + lazy.buffers,
    },
    { what: 'tokenizers', bytes: tokenizers },
    { what: 'kept answers (--cache-size)', bytes: CACHE_OVERHEAD * bounds.cacheSize },
    { what: 'bodies of requests (--max-body-memory)', bytes: BODY_COPIES * bounds.maxBodyMemory },
    ...partsOf(bounds.index),
    fixed,
  ];
  const loading: Part[] = [{ what: 'loading tokenizers', bytes: loadingTokenizers }, fixed];
  const packed: Part[] = [
    { what: 'models and tokenizers', bytes: weightsOf(eager) + lazy.weights + tokenizers },
    { what: 'packing weights', bytes: packing },
    fixed,
  ];
  return largest([serving, loading, packed].map((parts) => ({ parts, bytes: bytesOf(parts) })));
}

/**
 * What is needed to load `footprint` beside what is served, which needs `before`: those of its models that are not
 * `taken` over come on top.
 */
export function needBeside(
  before: Need,
  footprint: Footprint,
  taken: ReadonlySet<string>,
  bounds: Bounds,
): Need {
  const { models, tokenizers, loadingTokenizers, packing } = footprint;
  const added = models.filter(({ name }) => !taken.has(name));
  const { eager, lazy } = together(added, bounds);
  // Its files are those that are mapped already.
  const { held = 0 } = bounds.index ?? {};
  const bytes =
    sum([...eager, lazy].map(({ weights, buffers }) => weights + buffers)) + tokenizers + held;
  const parts: Part[] = [
    { what: 'what is served meanwhile', bytes: before.bytes },
    {
      what: 'what is loaded beside it',
      bytes: Math.max(loadingTokenizers, bytes + (added.length > 0 ? packing : 0)),
    },
  ];
  return { parts, bytes: bytesOf(parts) };
}

/** What is needed to open `index` beside what is served, `served` among it; `before` is needed without any index. */
export function needOfIndex(before: number, served: IndexNeed, index: IndexNeed): Need {
  const beside = before + served.read + served.held;
  const parts: Part[] = [{ what: 'what is served meanwhile', bytes: beside }, ...partsOf(index)];
  return { parts, bytes: bytesOf(parts) };
}

function partsOf(index: IndexNeed | undefined): readonly Part[] {
  if (index === undefined) return [];
  return [
    { what: 'the index: what every search reads', bytes: index.read },
    { what: 'the index: filters, candidates and values of fields', bytes: index.held },
  ];
}

type ModelFootprint = Footprint['models'][number];

/** What is in memory at a time, at most: all eager models, and of the lazy ones what takes most of the room beside them. */
function together(models: readonly ModelFootprint[], { modelMemory }: Bounds) {
  const eager = models.filter(({ isLazy }) => !isLazy);
  let room = modelMemory === 0 ? Infinity : Math.max(0, modelMemory - weightsOf(eager));
  const lazy = { weights: 0, buffers: 0 };
  // Buffers come on top of the room for weights: those come first that have most of them for their weights.
  const share = ({ weights, buffers }: ModelFootprint) => buffers / weights;
  const onDemand = models.filter(({ isLazy }) => isLazy).sort((a, b) => share(b) - share(a));
  for (const { weights, buffers } of onDemand) {
    const part = Math.min(1, room / weights);
    lazy.weights += part * weights;
    lazy.buffers += part * buffers;
    room -= part * weights;
  }
  return { eager, lazy };
}

function weightsOf(models: readonly ModelFootprint[]): number {
  return sum(models.map(({ weights }) => weights));
}

/** The bytes of tables in files, of which pages are mapped while there is room. */
export function mappedBytes({ models }: Footprint): number {
  return sum(models.map(({ mapped }) => mapped));
}

function largest(needs: readonly Need[]): Need {
  return needs.reduce((most, need) => (need.bytes > most.bytes ? need : most));
}

function bytesOf(parts: readonly Part[]): number {
  return sum(parts.map(({ bytes }) => bytes));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
