import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ServiceError } from '../errors/service-error.js';
import { parseJson } from './json.js';

function codeOf(bytes: Buffer): string {
  try {
    parseJson(bytes);
  } catch (error) {
    if (error instanceof ServiceError) return error.code;
  }
  return 'none';
}

test('bytes become the value they spell', () => {
  assert.equal(parseJson(Buffer.from('"añ👍"')), 'añ👍');
  assert.deepEqual(parseJson(Buffer.from(' {"a":[1,2]} ')), { a: [1, 2] });
});

test('a byte order mark is skipped', () => {
  assert.equal(parseJson(Buffer.from('\ufeff"a"')), 'a');
});

for (const [what, bytes, code] of [
  ['nothing', '', 'missing_body'],
  ['a byte that is not UTF-8', [0x22, 0xff, 0x22], 'invalid_utf8'],
  ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22], 'invalid_utf8'],
  ['a surrogate in three bytes', [0x22, 0xed, 0xa0, 0x80, 0x22], 'invalid_utf8'],
  ['words without quotes', 'hello', 'invalid_json'],
  ['a string cut short', '"hello', 'invalid_json'],
  ['trailing garbage', '"hello" x', 'invalid_json'],
  ['a raw line break', '"a\nb"', 'invalid_json'],
  ['65 levels', '['.repeat(65) + ']'.repeat(65), 'invalid_json'],
  ['64 levels', '['.repeat(64) + ']'.repeat(64), 'none'],
  ['brackets in a string', `["${'['.repeat(99)}\\"]"]`, 'none'],
] as const) {
  test(`${what}: ${code}`, () => {
    assert.equal(codeOf(typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes)), code);
  });
}
