/**
 * An encoder of a few lines for tests of indexes: the vector of a text counts its words, so that texts with words in common
 * are near each other. What it does besides is the fake engine's.
 */

import type { Engine, Inference, InferRequest, ModelInfo } from '../engine/engine.js';
import { fakeEngine, modelInfo } from './fake-engine.js';

/** So many that few words share a place. */
const DIMENSIONS = 4096;

const TIMING = { tokenization: 0.25, queue: 1.5, inference: 12 };

/** Longer texts are cut. */
const MAX_LENGTH = 200;

export interface FakeEncoder extends Engine {
  /** Every text that was asked about, in order. */
  readonly seen: readonly string[];
  /** From now on this is done before an answer, with the number of texts that were asked about so far. */
  before: (asked: number) => void | Promise<void>;
}

type FakeAbout = Partial<ModelInfo> & { readonly seed?: number };

/** `seed`: another encoder for another one; `about`: what it says of itself besides. */
export function fakeEncoder({ seed = 1, ...about }: FakeAbout = {}): FakeEncoder {
  const seen: string[] = [];
  const model: ModelInfo = {
    ...modelInfo('encoder', []),
    ...{ architecture: 'bert', task: 'embedding', scores: 'numbers', dimensions: DIMENSIONS },
    ...{ digest: `encoder-${seed}`, space: `encoder-${seed}` },
    ...about,
  };
  const encoder: FakeEncoder = {
    ...fakeEngine({}, {}),
    ...{ stats: () => fakeEngine({}, {}).stats(), close: () => Promise.resolve() },
    refusal: () => undefined,
    models: [model],
    seen,
    before: () => undefined,
    infer({ texts }: InferRequest): Inference {
      seen.push(...texts.map(({ text }) => text));
      const answer = async () => {
        await encoder.before(seen.length);
        return {
          texts: texts.map(({ text, models }) => ({
            outputs: models.map(() => ({
              type: 'embedding' as const,
              vector: fakeVector(text, seed),
            })),
            truncatedBy: text.length > MAX_LENGTH ? models : [],
          })),
          begun: texts.length,
          timing: TIMING,
        };
      };
      return { answer: answer(), cancel: () => undefined };
    },
  };
  return encoder;
}

/** Counts of words, each at a place of its own. */
function fakeVector(text: string, seed: number): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  // No text is without a direction.
  vector[0] = 0.1;
  for (const word of text.toLowerCase().match(/\p{L}+|\p{N}+/gu) ?? []) {
    let at = seed;
    for (const byte of Buffer.from(word)) at = Math.imul(at ^ byte, 0x01000193) >>> 0;
    at = ((at ^ (at >>> 15)) >>> 0) % DIMENSIONS;
    vector[at] = (vector[at] ?? 0) + 1;
  }
  return vector;
}
