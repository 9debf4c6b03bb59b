import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { ServiceError } from '../errors/service-error.js';
import { holds, mutated } from '../testing/properties.js';
import { parseJson } from './json.js';

const CODES = ['missing_body', 'invalid_utf8', 'invalid_json'];
/** The deepest that is read. */
const DEEPEST = 64;

/** The value of `bytes`, or the code of its refusal. Whatever else is thrown is a fault of the reader. */
function read(bytes: Buffer): { readonly value: unknown } | { readonly code: string } {
  try {
    return { value: parseJson(bytes) };
  } catch (error) {
    assert.ok(error instanceof ServiceError, String(error));
    assert.ok(CODES.includes(error.code), error.code);
    return { code: error.code };
  }
}

test('any bytes are a value or refused', () =>
  holds(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      read(Buffer.from(bytes));
    }),
  ));

test('damaged JSON has the value that JavaScript gives it, or is refused', () => {
  const damaged = fc
    .json()
    .chain((json) => mutated(json, ['"', '\\', '[', '{', '}', ',', '\u0000']));
  return holds(
    fc.property(damaged, (text) => {
      const result = read(Buffer.from(text));
      if ('value' in result) assert.deepEqual(result.value, JSON.parse(text));
    }),
  );
});

test('any JSON value is read as it was written', () =>
  holds(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const json = JSON.stringify(value);
      assert.deepEqual(read(Buffer.from(json)), { value: JSON.parse(json) as unknown });
    }),
  ));

test('what is refused for its depth is exactly what is deeper than the limit', () => {
  const levels = fc.array(fc.constantFrom('list', 'object'), {
    minLength: 1,
    maxLength: 2 * DEEPEST,
  });
  // Brackets and quotes in a string are no level.
  const innermost = fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a') });
  return holds(
    fc.property(levels, innermost, (kinds, text) => {
      const nested = kinds.reduce((json, kind) => {
        const key = JSON.stringify(text);
        return kind === 'list' ? `[${key},${json}]` : `{${key}:${json}}`;
      }, JSON.stringify(text));
      const result = read(Buffer.from(nested));
      assert.equal('value' in result, kinds.length <= DEEPEST);
    }),
  );
});
