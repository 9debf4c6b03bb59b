import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ServiceError } from './service-error.js';

test('a fault of ours says where it was found, and a refusal does not walk the stack for it', () => {
  const { stackTraceLimit } = Error;
  const refusal = new ServiceError('queue_wait', 'It would take too long.');
  assert.equal(refusal.stack, 'ServiceError: It would take too long.');
  const fault = new ServiceError('internal', 'It is broken.');
  assert.match(String(fault.stack), /\n.*service-error\.test/);
  assert.equal(Error.stackTraceLimit, stackTraceLimit);
});
