/**
 * Answers in the process's own memory, those asked for least recently given up first.
 *
 * The text itself is the key: it does not leave the process, nothing cheaper finds it, and no two texts are one. All
 * models' outputs for a text lie in one entry, so that a request of five models looks once. They stay right for as
 * long as the process has its models, so nothing expires.
 */

import { LRUCache } from 'lru-cache';

import type { ModelOutput } from '../engine/engine.js';
import { numbersOf } from '../engine/outputs.js';
import type { Kept } from './kept.js';

/** What a text has, by the index of the model. */
export type Entry = readonly (Kept | undefined)[];

/**
 * About what an entry, each of its outputs and each number takes beside the text: a contract may keep with an output what
 * it makes of it, such as a label with each score, and its JSON.
 */
const ENTRY_BYTES = 200;
const OUTPUT_BYTES = 400;
const NUMBER_BYTES = 120;

export class MemoryTier {
  readonly #texts: LRUCache<string, Entry>;
  #evictions = 0;

  /** Keeps up to about `bytes`. */
  constructor(bytes: number) {
    this.#texts = new LRUCache({
      maxSize: bytes,
      sizeCalculation: sizeOf,
      dispose: (_entry, _text, reason) => {
        if (reason === 'evict') this.#evictions += 1;
      },
    });
  }

  get(text: string): Entry | undefined {
    return this.#texts.get(text);
  }

  /** Keeps what is in `entry` beside what the text has already. */
  put(text: string, entry: Entry): void {
    const present = this.#texts.peek(text) ?? [];
    const merged = Array.from(
      { length: Math.max(present.length, entry.length) },
      (_, model) => entry[model] ?? present[model],
    );
    this.#texts.set(text, merged);
  }

  get figures(): { entries: number; bytes: number; evictions: number } {
    const { size, calculatedSize } = this.#texts;
    return { entries: size, bytes: calculatedSize, evictions: this.#evictions };
  }
}

/** Texts are counted as if each character took two bytes, which those beyond Latin do. */
function sizeOf(entry: Entry, text: string): number {
  const outputs = entry.reduce(
    (sum, kept) => sum + (kept ? OUTPUT_BYTES + bytesOf(kept.output) : 0),
    0,
  );
  return ENTRY_BYTES + 2 * text.length + outputs;
}

function bytesOf(output: ModelOutput): number {
  const numbers = numbersOf(output);
  return output.type === 'classification' ? NUMBER_BYTES * numbers.length : numbers.byteLength;
}
