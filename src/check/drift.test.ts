import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ModelOutput } from '../engine/engine.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { driftOf } from './drift.js';
import { unfit, type ModelReport } from './report.js';

function scores(...numbers: number[]): ModelOutput {
  const labels = ['HAM', 'SPAM'];
  return { type: 'classification', labels, scores: Float32Array.from(numbers) };
}

function vector(...numbers: number[]): ModelOutput {
  return { type: 'embedding', vector: Float32Array.from(numbers) };
}

test('labels agree where the best one is the same, however the scores differ', () => {
  const ones = [[scores(0.75, 0.25)], [scores(0.75, 0.25)], [scores(0.5, 0.5)], [scores(0, 1)]];
  const others = [[scores(0.5, 0.25)], [scores(0.25, 0.75)], [scores(0.5, 0.5)], [scores(0, 1)]];
  const drift = driftOf(ones, others, 0);
  assert.deepEqual(drift, { texts: 4, agreement: 0.75, largest: 0.5, p99: 0.5 });
});

test('vectors agree where they point the same way, however long they are', () => {
  const ones = [[vector(1, 0)], [vector(1, 0)], [vector(3, 4)], [vector(1, 0)]];
  const others = [[vector(5, 0)], [vector(0, 1)], [vector(3, 4)], [vector(-1, 0)]];
  const drift = driftOf(ones, others, 0);
  assert.equal(drift.agreement, 0.5);
  assert.equal(drift.largest, 2);
});

test('a cosine of 0.99 is the limit', () => {
  const at = (cosine: number) => vector(cosine, Math.sqrt(1 - cosine ** 2));
  const agreement = (cosine: number) => driftOf([[vector(1, 0)]], [[at(cosine)]], 0).agreement;
  assert.equal(agreement(0.9901), 1);
  assert.equal(agreement(0.9899), 0);
});

test('a vector that is not finite or has no direction agrees with none', () => {
  for (const broken of [vector(Number.NaN, 1), vector(0, 0)]) {
    assert.equal(driftOf([[vector(1, 0)]], [[broken]], 0).agreement, 0);
  }
});

test('a text that a model cannot read in either precision is left out', () => {
  const ones = [[scores(1, 0)], []];
  assert.equal(driftOf(ones, [[scores(0, 1)], []], 0).texts, 1);
  assert.throws(() => driftOf(ones, [[scores(0, 1)], [scores(1, 0)]], 0), /same model/);
});

test('the drift is that of the model at its place', () => {
  const ones = [[scores(1, 0), vector(1, 0)]];
  const others = [[scores(1, 0), vector(0, 1)]];
  assert.equal(driftOf(ones, others, 0).agreement, 1);
  assert.equal(driftOf(ones, others, 1).agreement, 0);
});

function report(task: ModelReport['task'], agreement: number): ModelReport {
  const [model = assert.fail()] = fakeEngine().models;
  const drift = { texts: 200, agreement, largest: 0, p99: 0 };
  return { ...model, name: 'm', task, tokensPerSecond: 1, drift };
}

test('what agrees on fewer texts than the profile wants is a line', () => {
  const precisions = { int8: 0.995 };
  assert.deepEqual(unfit([report('classification', 0.995)], precisions, ['exact', 'int8']), []);
  assert.deepEqual(unfit([report('classification', 0.99)], precisions, ['exact', 'int8']), [
    'm: 99.00 % of the labels agree, the profile wants 99.50 %',
  ]);
  assert.deepEqual(unfit([report('embedding', 0)], precisions, ['int8', 'exact']), [
    'm: 0.00 % of the vectors (cosine 0.99 or more) agree, the profile wants 99.50 %',
  ]);
});

test('a precision that the profile does not allow must agree on every text', () => {
  assert.equal(unfit([report('classification', 0.999)], {}, ['exact', 'bf16']).length, 1);
  assert.deepEqual(unfit([report('classification', 1)], {}, ['exact', 'bf16']), []);
});
