import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { numbersOf, outputOf } from './outputs.js';

const [model = assert.fail()] = fakeEngine({}, { model: ['no', 'yes'] }).models;
const deciding = { ...model, decides: true };

test('what numbers give is what they were', () => {
  const numbers = Float32Array.of(0.75, 0.25, 1);
  const output = outputOf(deciding, numbers);
  assert.deepEqual(output, {
    type: 'classification',
    labels: ['no', 'yes'],
    scores: Float32Array.of(0.75, 0.25),
    predicted: 1,
  });
  assert.deepEqual(numbersOf(output), numbers);
  const plain = outputOf(model, Float32Array.of(0.75, 0.25)) ?? assert.fail();
  assert.ok(!('predicted' in plain));
  assert.deepEqual(numbersOf(plain), Float32Array.of(0.75, 0.25));
});

test('numbers of another model are no output', () => {
  assert.equal(outputOf(model, Float32Array.of(0.75, 0.25, 1)), undefined);
  assert.equal(outputOf(deciding, Float32Array.of(0.75, 0.25)), undefined);
  for (const predicted of [-1, 2, 0.5, Number.NaN]) {
    assert.equal(outputOf(deciding, Float32Array.of(0.75, 0.25, predicted)), undefined);
  }
});
