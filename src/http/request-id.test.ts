import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';

import { requestIdOf } from './request-id.js';

function idFor(given: string | undefined, isBelieved = true): string {
  const headers = { 'x-request-id': given };
  return requestIdOf({ headers } as unknown as IncomingMessage, isBelieved);
}

test("a sane id of the caller's is kept", () => {
  assert.equal(idFor('order-7.b_2'), 'order-7.b_2');
});

test('anything else is replaced by a UUID', () => {
  for (const given of [undefined, '', 'a b', 'x'.repeat(129), 'a"b', 'é']) {
    assert.match(idFor(given), /^[0-9a-f-]{36}$/);
  }
});

test('of who is not believed no id is taken', () => {
  assert.match(idFor('order-7', false), /^[0-9a-f-]{36}$/);
});
