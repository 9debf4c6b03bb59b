import assert from 'node:assert/strict';
import { test } from 'node:test';

import { OpenRequests } from './open-requests.js';

test('a request ends with its reply, and what comes after that is ignored', async () => {
  const open = new OpenRequests<{ ticket: number; value: string }>();
  const { ticket, reply } = open.open(() => undefined);
  open.settle({ ticket: ticket + 1, value: 'of another' });
  assert.equal(open.size, 1);
  open.settle({ ticket, value: 'first' });
  open.settle({ ticket, value: 'second' });
  assert.equal(open.giveUp(ticket, new Error('too late')), false);
  assert.equal((await reply).value, 'first');
  assert.equal(open.size, 0);
});

test('a request that is given up needs no reply, and ignores one', async () => {
  const open = new OpenRequests();
  const { ticket, reply } = open.open(() => undefined);
  assert.equal(open.giveUp(ticket, new Error('given up')), true);
  open.settle({ ticket });
  await assert.rejects(reply, /given up/);
  assert.equal(open.size, 0);
});

test('a request that could not be submitted is not waited for', () => {
  const open = new OpenRequests();
  const submit = () => assert.fail('no such deadline');
  assert.throws(() => open.open(submit), /no such deadline/);
  assert.equal(open.size, 0);
});
