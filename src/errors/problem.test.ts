import assert from 'node:assert/strict';
import { test } from 'node:test';

import { errorKinds, type ErrorCode } from './codes.js';
import { problemOf } from './problem.js';
import { ServiceError } from './service-error.js';

const ID = '01234567-89ab-cdef-0123-456789abcdef';

test('a problem has the members of RFC 9457 and the status of its code', () => {
  for (const code of Object.keys(errorKinds) as ErrorCode[]) {
    const { status, headers, body } = problemOf(new ServiceError(code, 'What was wrong.'), ID);
    const problem = JSON.parse(body) as Record<string, unknown>;
    assert.equal(problem.status, status);
    assert.equal(status, errorKinds[code].status);
    assert.equal(problem.reason, code);
    assert.equal(problem.instance, `urn:uuid:${ID}`);
    assert.equal(headers['content-type'], 'application/problem+json');
    assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
  }
});

test('the detail of an unexpected error stays inside', () => {
  const { body } = problemOf(ServiceError.from(new Error('secret')), ID);
  assert.doesNotMatch(body, /secret/);
});

test('a 503 asks for a retry after one to two seconds', () => {
  const full = new ServiceError('queue_full', 'Full.');
  assert.equal(problemOf(full, ID, () => 0).headers['retry-after'], '1');
  const late = problemOf(full, ID, () => 0.999);
  assert.equal(late.headers['retry-after'], '2');
  assert.equal((JSON.parse(late.body) as Record<string, unknown>).retry_after_ms, 1999);
  assert.equal(problemOf(new ServiceError('internal', ''), ID).headers['retry-after'], undefined);
});

test("a caller's own id is a URI too", () => {
  const { body } = problemOf(new ServiceError('not_found', ''), 'order-7');
  assert.match(body, /"instance":"urn:chorus:request:order-7"/);
});
