import assert from 'node:assert/strict';
import { test } from 'node:test';

import { best, classScoresOf, ranked } from './scores.js';

function classScores(...scores: number[]) {
  const labels = scores.map((_, at) => `class ${at}`);
  return { type: 'classification' as const, labels, scores: Float32Array.from(scores) };
}

test('the best label is the first of those with the highest score', () => {
  assert.deepEqual(best(classScores(0.25, 0.5, 0.125)), { score: 0.5, label: 'class 1' });
  assert.deepEqual(best(classScores(0.25, 0.375, 0.375)), { score: 0.375, label: 'class 1' });
  assert.deepEqual(best(classScores(-2)), { score: -2, label: 'class 0' });
  assert.deepEqual(best(classScores(-2, -1)), { score: -1, label: 'class 1' });
});

test('the best label is the one that the model has decided for, whatever its score', () => {
  const decided = { ...classScores(0.75, 0.25), predicted: 1 };
  assert.deepEqual(best(decided), { score: 0.25, label: 'class 1' });
});

test('ranked labels come best first, equal ones in class order', () => {
  assert.deepEqual(
    ranked(classScores(0.25, 0.5, 0, 0.25)).map(({ label }) => label),
    ['class 1', 'class 0', 'class 3', 'class 2'],
  );
});

test('a model without classes, or no classifier, is a fault of ours', () => {
  assert.throws(() => best(classScores()), { code: 'internal' });
  const vector = Float32Array.of(1);
  assert.throws(() => classScoresOf({ type: 'embedding', vector }), { code: 'internal' });
  assert.throws(() => classScoresOf(undefined), { code: 'internal' });
});
