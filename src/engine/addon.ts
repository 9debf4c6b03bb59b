/**
 * Loads the Rust addon. `native-engine.ts`, `native-models.ts` and `native-index.ts` are its only users; everything else
 * depends on `engine.ts`.
 *
 * The types are those that `napi build` generates from the Rust source, so a change on that side
 * which this side does not follow is a type error.
 */

import { createRequire } from 'node:module';

import type {
  ConvertOutcome,
  DescribeOutcome,
  EngineConfig,
  FootprintOutcome,
  GraphWriter,
  IndexWriter,
  ModelConfig,
  NativeEngine,
  VectorIndex,
} from '../../native/addon/index.cjs';
import { StartError } from '../start-error.js';

export type * from '../../native/addon/index.cjs';

/** An engine on the other side. */
export type Handle = Pick<
  NativeEngine,
  'cancel' | 'close' | 'load' | 'refusal' | 'stats' | 'submit'
>;

/** The addon as far as it is used; a test gives a few lines in its place. */
export interface Addon {
  readonly NativeEngine: new () => Handle;
  readonly convertCheckpoint: (folder: string) => Promise<ConvertOutcome>;
  readonly describeModel: (config: ModelConfig, files: string[]) => Promise<DescribeOutcome>;
  readonly footprint: (config: EngineConfig) => Promise<FootprintOutcome>;
  readonly GraphWriter: new () => GraphWriter;
  readonly IndexWriter: new (folder: string, dimensions: number) => IndexWriter;
  readonly VectorIndex: new () => VectorIndex;
  readonly exitProcess: (code: number) => void;
}

/** @throws {StartError} when the addon is not built, or was built for another platform. */
export function loadAddon(): Addon {
  const require = createRequire(import.meta.url);
  try {
    return require('../../native/addon/index.cjs') as Addon;
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n');
    throw new StartError([
      `The native engine cannot be loaded on ${process.platform} ${process.arch}: ${reason} ` +
        'Build it with: make build',
    ]);
  }
}
