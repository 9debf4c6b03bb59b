/**
 * The kinds of values that settings take, as a person writes them in a shell.
 *
 * Each kind is a schema from text to a value, a phrase that completes "must be …", and what the chart takes
 * for it.
 */

import { isIP } from 'node:net';

import { z } from 'zod';

export interface Kind<T> {
  readonly schema: z.ZodType<T, string>;
  /** Completes "must be …". */
  readonly expects: string;
  /** What it may be among the chart's values, as JSON Schema. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What the bare flag stands for, if it may stand alone. */
  readonly bare?: string;
  /** Whether what was given may be told to nobody. */
  readonly isSecret?: true;
}

/** Text that only its user can check, such as a path. */
export function text(expects: string): Kind<string> {
  return { schema: z.string(), expects, json: { type: 'string' } };
}

/** Text that nobody may see. */
export function secret(expects: string): Kind<string> {
  return { ...text(expects), isSecret: true };
}

const REDIS_URL = /^rediss?(?:\+(?:sentinel|cluster))?:\/\/[^/\s]+(?:\/[^\s]*)?$/;

/** Where Redis is, or nothing. It may have a password in it. */
export const redisUrl: Kind<string> = {
  ...matching(
    new RegExp(`${REDIS_URL.source}|^$`),
    'a URL such as redis://host:6379/0, rediss://…, redis+sentinel://host:26379,host:26379/name or redis+cluster://host:6379,host:6379',
  ),
  isSecret: true,
};

/** Where a collector takes OTLP over HTTP, or nothing. What it asks for as a secret is no part of it. */
export const otlpUrl: Kind<string> = matching(
  /^https?:\/\/[^/\s@?#]+(?:\/[^\s@?#]*)?$|^$/,
  'a URL such as http://collector:4318, without a user or a query',
);

/** What keys begin with. */
export const keyPrefix: Kind<string> = matching(
  /^[A-Za-z0-9._-]{1,64}$/,
  'letters, digits, ".", "_" and "-", at most 64',
);

/** What a store calls an index. */
export const storeName: Kind<string> = matching(
  /^[A-Z][A-Za-z0-9]{0,63}$/,
  'letters and digits, a capital first, at most 64',
);

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
  // A name of dots alone is resolved by clients before they ask. Without looking ahead, which the chart's schema cannot.
  /^(\/\.*[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/,
  'a path such as /project, no name in it of dots alone, or nothing',
);

/** Addresses and ranges of them, or nothing. */
export const addressRanges: Kind<readonly string[]> = list(
  isAddressRange,
  'addresses and ranges such as 10.0.0.0/8,192.0.2.7,fd00::/8, or nothing',
);

/** Origins as browsers write them, `*` for all, or nothing. */
export const origins: Kind<readonly string[]> = list(
  isOrigin,
  'origins such as https://app.example,http://localhost:3000, or *, or nothing',
);

/** Nodes of a store, or nothing. */
export const storeUrls: Kind<readonly string[]> = list(
  isStoreUrl,
  'URLs of nodes such as http://store-0:8080,http://store-1:8080, without a user, a query or a path, or nothing',
);

function isStoreUrl(written: string): boolean {
  if (!/^https?:\/\/[^/?#@]+\/?$/i.test(written) || !URL.canParse(written)) return false;
  return new URL(written).pathname === '/';
}

function isAddressRange(written: string): boolean {
  const [address = '', length, ...more] = written.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const isLength = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits);
  return bits > 0 && isLength && more.length === 0;
}

function isOrigin(written: string): boolean {
  return written === '*' || (URL.canParse(written) && new URL(written).origin === written);
}

/** Several, between commas. */
function list(isRight: (entry: string) => boolean, expects: string): Kind<readonly string[]> {
  const entries = z.string().transform((written) =>
    written
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  );
  const schema = entries.refine((found) => found.every(isRight));
  return { schema, expects, json: { type: 'string' } };
}

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

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A longer timer would overflow Node's 31 bits and fire at once. */
const MAX_DURATION_MS = 24 * 3_600_000;

/** Milliseconds. */
export const duration: Kind<number> = {
  schema: amount(/^(\d+)(ms|s|m|h)$/, UNIT_MS).pipe(z.number().max(MAX_DURATION_MS)),
  expects: 'a duration with its unit, such as 500ms, 25s, 2m or 1h, at most 24h',
  json: { type: 'string', pattern: '^[0-9]+(ms|s|m|h)$' },
};

const UNIT_MIB = 1024 ** 2;

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: UNIT_MIB,
  GiB: 1024 * UNIT_MIB,
};

/** A duration that is not zero. */
export const someTime: Kind<number> = {
  ...duration,
  schema: duration.schema.pipe(z.number().min(1)),
  expects: `${duration.expects}, and more than none`,
  json: { type: 'string', pattern: '^0*[1-9][0-9]*(ms|s|m|h)$' },
};

/** Bytes of something that is read whole. */
export const size = bytes(1, 64 * UNIT_MIB, 'a size such as 65536, 512KiB or 1MiB, at most 64MiB');

/** Bytes of memory, or none. */
export const memory = bytes(
  0,
  64 * 1024 * UNIT_MIB,
  'a size such as 512KiB, 64MiB or 1GiB, at most 64GiB, or 0',
);

/** Bytes of memory for weights, or none. */
export const modelMemory = bytes(
  0,
  1024 * 1024 * UNIT_MIB,
  'a size such as 512MiB or 12GiB, at most 1024GiB, or 0',
);

function bytes(min: number, max: number, expects: string): Kind<number> {
  return {
    schema: amount(/^(\d+)(B|KiB|MiB|GiB|)$/, UNIT_BYTES).pipe(z.number().min(min).max(max)),
    expects,
    json: {
      anyOf: [
        { type: 'integer', minimum: min },
        { type: 'string', pattern: '^[0-9]+(B|KiB|MiB|GiB)?$' },
      ],
    },
  };
}

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
