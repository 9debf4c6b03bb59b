// When the answers of two services count as the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { difference } from './answers.mjs';

const scored = (positive) =>
  [
    { label: 'POSITIVE', score: positive },
    { label: 'NEGATIVE', score: 1 - positive },
  ].toSorted((a, b) => b.score - a.score);

test('scores within the tolerance are the same', () => {
  const { largest, wrong, texts } = difference([scored(0.7)], [scored(0.70005)], 1e-4);
  assert.ok(Math.abs(largest - 5e-5) < 1e-9);
  assert.deepEqual([wrong, texts], [0, 1]);
});

test('a score that is too far off is a wrong text', () => {
  assert.equal(difference([scored(0.7), scored(0.6)], [scored(0.71), scored(0.6)], 1e-4).wrong, 1);
});

test('labels may change places only where their scores are next to each other', () => {
  assert.equal(difference([scored(0.49999)], [scored(0.50001)], 1e-4).wrong, 0);
  assert.equal(difference([scored(0.7).toReversed()], [scored(0.7)], 1e-4).wrong, 1);
});

test('another number of texts or labels, or another label, is wrong', () => {
  const other = [{ label: 'positive', score: 0.7 }, scored(0.7)[1]];
  assert.equal(difference([], [scored(0.7)], 1).wrong, 1);
  assert.equal(difference([scored(0.7).slice(1)], [scored(0.7)], 1).wrong, 1);
  assert.equal(difference([other], [scored(0.7)], 1).wrong, 1);
});
