import assert from 'node:assert/strict';
import { test } from 'node:test';

import { affordable, descriptors } from './descriptors.js';

test('connections leave descriptors for probes and for what is open already', () => {
  assert.equal(affordable(4096, { limit: 1024, open: 40 }), 920);
  assert.equal(affordable(100, { limit: 1024, open: 40 }), 100);
});

test('where nothing is left there is one connection, and where nothing is known all are', () => {
  assert.equal(affordable(4096, { limit: 64, open: 40 }), 1);
  assert.equal(affordable(4096, undefined), 4096);
});

test(
  'the descriptors of this process are known on Linux',
  { skip: process.platform !== 'linux' },
  () => {
    const { limit = 0, open = 0 } = descriptors() ?? {};
    assert.ok(open > 2 && limit > open, `${open} of ${limit}`);
  },
);
