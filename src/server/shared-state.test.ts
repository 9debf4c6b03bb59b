import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SharedState } from './shared-state.js';

test('what one thread publishes the other reads', () => {
  const written = new SharedState();
  const read = new SharedState(written.memory);
  written.publish('starting', undefined);
  assert.equal(read.phase(), 'starting');
  assert.equal(read.vitals(), undefined);
  const vitals = { broken: true, pendingTexts: 3, secondsSinceProgress: 1.5 };
  written.publish('draining', vitals);
  assert.equal(read.phase(), 'draining');
  assert.deepEqual(read.vitals(), vitals);
  assert.ok(read.secondsSinceHeartbeat() < 10);
});
