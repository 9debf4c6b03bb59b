import assert from 'node:assert/strict';
import { test } from 'node:test';

import { errorCodes, errorKinds, type ErrorCode } from './codes.js';
import { errorAnswer } from './error-answer.js';
import { problem } from './problem.js';
import { ServiceError } from './service-error.js';

const ID = '01234567-89ab-cdef-0123-456789abcdef';

/** Written by hand: clients rely on these numbers, and the table is what is tested. */
const STATUSES: Readonly<Record<ErrorCode, number>> = {
  body_memory_full: 503,
  body_too_large: 413,
  cancelled: 499,
  deadline_exceeded: 503,
  draining: 503,
  expectation_failed: 417,
  headers_too_large: 431,
  index_unavailable: 503,
  inference_failed: 500,
  internal: 500,
  invalid_input: 422,
  invalid_json: 400,
  invalid_utf8: 400,
  key_missing: 401,
  key_not_allowed: 403,
  key_unknown: 401,
  malformed_request: 400,
  method_not_allowed: 405,
  missing_body: 400,
  model_unavailable: 503,
  not_found: 404,
  not_ready: 503,
  queue_full: 503,
  queue_wait: 503,
  reload_failed: 422,
  reload_running: 409,
  request_timeout: 408,
  stalled: 503,
  too_many_open_requests: 503,
  too_many_pipelined_requests: 503,
  too_many_texts: 422,
  unreadable_text: 422,
  unsupported_content_encoding: 415,
  unsupported_media_type: 415,
};

function answered(error: ServiceError, random?: () => number, id = ID) {
  const answer = errorAnswer(error, id, problem, random);
  return { ...answer, problem: JSON.parse(answer.body) as Record<string, unknown> };
}

test('every code has the status that clients know', () => {
  const statuses = errorCodes.map((code) => [code, errorKinds[code].status]);
  assert.deepEqual(Object.fromEntries(statuses), STATUSES);
});

for (const code of errorCodes) {
  test(`a problem of ${code} has the members of RFC 9457, as its schema says`, () => {
    const {
      status,
      headers,
      body,
      problem: told,
    } = answered(new ServiceError(code, 'What was wrong.'));
    assert.equal(status, STATUSES[code]);
    assert.equal(told.status, STATUSES[code]);
    assert.equal(told.type, `urn:chorus:problem:${code}`);
    assert.equal(told.title, errorKinds[code].title);
    assert.equal(told.reason, code);
    assert.equal(told.instance, `urn:uuid:${ID}`);
    assert.deepEqual(problem.schema.parse(told), told);
    assert.equal(headers['content-type'], 'application/problem+json');
    assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
  });
}

test('the detail of an unexpected error stays inside', () => {
  const { problem } = answered(ServiceError.from(new Error('secret')));
  assert.equal(problem.detail, 'The service failed.');
  const { body } = answered(new ServiceError('internal', 'secret'));
  assert.doesNotMatch(body, /secret/);
});

test('a 503 asks for a retry after one to two seconds', () => {
  const full = new ServiceError('queue_full', 'Full.');
  assert.equal(answered(full, () => 0).headers['retry-after'], '1');
  const late = answered(full, () => 0.999);
  assert.equal(late.headers['retry-after'], '2');
  assert.equal(late.problem.retry_after_ms, 1999);
  const failed = answered(new ServiceError('internal', ''));
  assert.equal(failed.headers['retry-after'], undefined);
  assert.ok(!('retry_after_ms' in failed.problem));
});

test("a caller's own id is a URI too", () => {
  const { problem } = answered(new ServiceError('not_found', ''), undefined, 'order-7');
  assert.equal(problem.instance, 'urn:chorus:request:order-7');
});
