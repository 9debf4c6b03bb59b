/**
 * The kinds of values that settings take, as a person writes them in a shell.
 *
 * Each kind is a schema from text to a value, a phrase that completes "must be …", and what the chart takes
 * for it.
 */

import { z } from 'zod';

export interface Kind<T> {
  readonly schema: z.ZodType<T, string>;
  /** Completes "must be …". */
  readonly expects: string;
  /** What it may be among the chart's values, as JSON Schema. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What the bare flag stands for, if it may stand alone. */
  readonly bare?: string;
}

/** Text that only its user can check, such as a path. */
export function text(expects: string): Kind<string> {
  return { schema: z.string(), expects, json: { type: 'string' } };
}

/** On or off; the flag alone is on. */
export const toggle: Kind<boolean> = {
  schema: z.enum(['true', 'false']).transform((written) => written === 'true'),
  expects: 'true or false; the flag alone is true',
  json: { type: 'boolean' },
  bare: 'true',
};

export const port = integer(0, 65_535, 'a port, 0 to 65535 (0 takes any free one)');

export function integer(min: number, max: number, expects?: string): Kind<number> {
  return {
    schema: z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(min).max(max)),
    expects: expects ?? `a whole number, ${min} to ${max}`,
    json: { type: 'integer', minimum: min, maximum: max },
  };
}

/** Where paths begin: nothing, or a path that ends without a slash. */
export const pathPrefix: Kind<string> = matching(
  /^(\/[A-Za-z0-9._~-]+)*$/,
  'a path such as /project, or nothing',
);

function matching(pattern: RegExp, expects: string): Kind<string> {
  const json = { type: 'string', pattern: pattern.source };
  return { schema: z.string().regex(pattern), expects, json };
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T): Kind<T[number]> {
  return {
    schema: z.enum(values),
    expects: `one of ${values.join(', ')}`,
    json: { enum: values },
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** A longer timer would overflow Node's 31 bits and fire at once. */
const MAX_DURATION_MS = 24 * 3_600_000;

/** Milliseconds. */
export const duration: Kind<number> = {
  schema: amount(/^(\d+)(ms|s|m)$/, UNIT_MS).pipe(z.number().max(MAX_DURATION_MS)),
  expects: 'a duration with its unit, such as 500ms, 25s or 2m',
  json: { type: 'string', pattern: '^[0-9]+(ms|s|m)$' },
};

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2 };

/** Bytes. */
export const size: Kind<number> = {
  schema: amount(/^(\d+)(B|KiB|MiB|)$/, UNIT_BYTES).pipe(
    z
      .number()
      .min(1)
      .max(64 * 1024 ** 2),
  ),
  expects: 'a size such as 65536, 512KiB or 1MiB, at most 64MiB',
  json: {
    anyOf: [
      { type: 'integer', minimum: 1 },
      { type: 'string', pattern: '^[0-9]+(KiB|MiB)?$' },
    ],
  },
};

function amount(pattern: RegExp, units: Readonly<Record<string, number>>) {
  return z.string().transform((written, context) => {
    const [, digits, unit] = pattern.exec(written) ?? [];
    const factor = unit === undefined ? undefined : units[unit];
    if (factor === undefined) {
      context.addIssue({ code: 'custom', message: 'has another form' });
      return z.NEVER;
    }
    return Number(digits) * factor;
  });
}
