/**
 * Requests whose `text` is one text or a list of them: what a profile may say of such a route, the schema of the body,
 * and its faults in words.
 *
 * All faults of a body are told at once, but for those of items of a list that is too long: nothing of it is looked at,
 * so that to say what is wrong costs no more for a million items than for one.
 */

import { z } from 'zod';

import { kindOf } from './kind-of.js';

/** Options of a route that takes texts. */
export const textsOptions = {
  /** Texts of a request, at most. */
  max_texts: z.int().min(1).max(1_000_000).default(512),
  /** Whether `text` is a list, one text, or either. */
  shape: z.enum(['any', 'list', 'one']).default('any'),
};

export type TextsOptions = z.infer<z.ZodObject<typeof textsOptions>>;

/** One text, or a list of them. */
export type Texts = string | string[];

/** What an operation that takes texts says of them. */
export interface TextsInput {
  /** Of the body's `text`. */
  readonly text: z.ZodType<Texts>;
  /** The `text` of an example. */
  readonly example: Texts;
  /** `Operation.maxTexts`. */
  readonly bound: { readonly maxTexts?: number };
}

const text = z.string({ error: ({ input }) => `must be a string, and it is ${kindOf(input)}` });

export function textsInput({ max_texts: maxTexts, shape }: TextsOptions): TextsInput {
  const isOne = shape === 'one';
  return {
    text: {
      any: z.union([listOfTexts(maxTexts), text], EITHER),
      list: listOfTexts(maxTexts),
      one: text,
    }[shape],
    example: isOne ? 'example 1' : ['example 1', 'example 2'].slice(0, maxTexts),
    bound: isOne ? {} : { maxTexts },
  };
}

const EITHER: z.core.$ZodUnionParams = {
  error: ({ input }) => `must be a list of strings, or one string, and it is ${kindOf(input)}`,
};

/** A list of one to `maxTexts` texts. */
export function listOfTexts(maxTexts: number) {
  const anyList = z.array(z.unknown(), {
    error: ({ input }) => `must be a list of strings, and it is ${kindOf(input)}`,
  });
  return (
    anyList
      .min(1, 'must have at least one text')
      .max(maxTexts, {
        abort: true,
        error: ({ input }) =>
          `must have at most ${maxTexts} texts, and it has ${(input as readonly unknown[]).length}`,
      })
      // `openapi.json` describes the first half of a pipe alone.
      .meta({ items: { type: 'string' } })
      .pipe(z.array(text))
  );
}

/** A body with these fields and no others. */
export function bodyOf<F extends z.core.$ZodLooseShape>(fields: F) {
  return z.strictObject(fields, {
    error: ({ code, input }) =>
      code === 'invalid_type' ? `must be an object, and it is ${kindOf(input)}` : undefined,
  });
}
