/**
 * Keys and values as they lie in Redis, where other software and other people may be.
 *
 * A key is `prefix:profile:` and the HMAC-SHA-256 of the model's digest and the text, so another model's answer is never
 * found. Who does not know the secret can neither look for a text nor make up an answer; without one the digest is the
 * secret, which whoever has the model's files can compute. A value is packed numbers, in class order, without
 * labels or text:
 *
 * | bytes | what                                                          |
 * | ----- | ------------------------------------------------------------- |
 * | 1     | version                                                       |
 * | 1     | flags: bit 0, the model read only the beginning of the text   |
 * | 4 × n | numbers, float32, little-endian                               |
 * | 8     | beginning of the HMAC-SHA-256 of the key and all bytes before |
 *
 * What does not check is no value: not one cut short, nor that of another key, nor one made up without the secret.
 */

import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';

import type { ModelInfo } from '../engine/engine.js';
import { numbersOf, outputOf } from '../engine/outputs.js';
import type { Kept } from './kept.js';

const VERSION = 1;
const TRUNCATED = 1;
const HEAD_BYTES = 2;
const CHECK_BYTES = 8;
const NUMBER_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** What all keys of a profile begin with. */
export function keysOf(prefix: string, profile: string): string {
  return `${prefix}:${profile}:`;
}

export class Packing {
  readonly #secrets = new Map<ModelInfo, KeyObject>();

  /** `beginning` of all keys; an empty `secret` is each model's digest instead. */
  constructor(
    private readonly beginning: string,
    private readonly secret: string,
  ) {}

  /** A key as the others, of no text. */
  get probe(): string {
    return `${this.beginning}probe`;
  }

  key(model: ModelInfo, text: string): string {
    // The digest has no zero in it, so no two pairs are the same bytes.
    const hash = createHmac('sha256', this.secretOf(model)).update(`${model.digest}\0`);
    return this.beginning + hash.update(text).digest('base64url');
  }

  pack(key: string, model: ModelInfo, { output, truncated }: Kept): Buffer {
    const numbers = numbersOf(output);
    const packed = Buffer.alloc(HEAD_BYTES + numbers.length * NUMBER_BYTES + CHECK_BYTES);
    packed[0] = VERSION;
    packed[1] = truncated ? TRUNCATED : 0;
    for (const [at, number] of numbers.entries()) {
      packed.writeFloatLE(number, HEAD_BYTES + at * NUMBER_BYTES);
    }
    const body = packed.subarray(0, -CHECK_BYTES);
    this.check(key, model, body).copy(packed, body.length);
    return packed;
  }

  /** What `packed` keeps; nothing where it is not what `pack` made for this key. */
  unpack(key: string, model: ModelInfo, packed: Buffer): Kept | undefined {
    const [version, flags = 0] = packed;
    const body = packed.subarray(0, -CHECK_BYTES);
    const count = (body.length - HEAD_BYTES) / NUMBER_BYTES;
    if (version !== VERSION || !Number.isInteger(count) || count < 1) return undefined;
    if (!timingSafeEqual(packed.subarray(-CHECK_BYTES), this.check(key, model, body)))
      return undefined;
    const numbers = new Float32Array(count);
    for (let at = 0; at < count; at += 1) {
      numbers[at] = body.readFloatLE(HEAD_BYTES + at * NUMBER_BYTES);
    }
    const output = outputOf(model, numbers);
    return output && { output, truncated: (flags & TRUNCATED) !== 0 };
  }

  private check(key: string, model: ModelInfo, body: Buffer): Buffer {
    const hash = createHmac('sha256', this.secretOf(model)).update(key).update(body).digest();
    return hash.subarray(0, CHECK_BYTES);
  }

  private secretOf(model: ModelInfo): KeyObject {
    const known = this.#secrets.get(model);
    if (known !== undefined) return known;
    const secret = createSecretKey(Buffer.from(this.secret === '' ? model.digest : this.secret));
    this.#secrets.set(model, secret);
    return secret;
  }
}
