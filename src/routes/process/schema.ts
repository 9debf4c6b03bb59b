/**
 * What the `process` contract takes: any JSON string, the empty one included.
 */

import { z } from 'zod';

import { invalidInput } from '../../http/invalid-input.js';

const text = z.string({
  error: ({ input }) =>
    `must be one JSON string, such as "A text to classify", and it is ${kindOf(input)}`,
});

/** @throws {ServiceError} `invalid_input` */
export function parseText(body: unknown): string {
  const result = text.safeParse(body);
  if (!result.success) throw invalidInput(result.error);
  return result.data;
}

/** The kind of a JSON value, never the value. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
