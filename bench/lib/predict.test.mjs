// What the k6 scripts of `POST /predict` send, and which answers they take for right.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cacheState, PREDICT_CHECKS, readReply } from './predict.js';
import { FIXED, newTexts, SHUFFLED, textsOf } from './predict-texts.js';

const GOOD = [
  { label: 'POSITIVE', score: 0.71 },
  { label: 'NEGATIVE', score: 0.29 },
];
const ID = { run: 1, user: 1, iteration: 1 };

/** Names of the checks that fail, without their prefix. */
function failing(predictions, status = 200, texts = ['a']) {
  const reply = readReply({ status, body: JSON.stringify({ predictions }) }, texts);
  return Object.entries(PREDICT_CHECKS)
    .filter(([, check]) => !check(reply))
    .map(([name]) => name.replace('predict: ', ''));
}

test('a right answer passes every check', () => {
  assert.deepEqual(failing([GOOD]), []);
});

test('every promise that is broken is named', () => {
  const [best, other] = GOOD;
  assert.deepEqual(failing([GOOD], 503), ['status is 200']);
  assert.deepEqual(failing([GOOD, GOOD]), ['as many predictions as texts']);
  assert.deepEqual(failing([[other, best]]), ['best first']);
  assert.deepEqual(failing([[best]]), ['scores sum to 1']);
  assert.deepEqual(failing([[{ ...best, more: 1 }, other]]), ['keys are label and score']);
  assert.ok(failing([[]]).includes('keys are label and score'));
  assert.ok(failing([[null]]).includes('best first'));
});

test('what is no answer at all passes none', () => {
  const reply = readReply({ status: 502, body: 'Bad gateway' }, ['a']);
  assert.ok(Object.values(PREDICT_CHECKS).every((check) => !check(reply)));
});

test('the fixed texts come as often as the cache rate says', () => {
  const of = (number) => textsOf({ cacheRate: 0.95, mode: 'new' }, ID, () => number);
  assert.deepEqual(of(0.94), FIXED);
  assert.notDeepEqual(of(0.95), FIXED);
  assert.equal(of(0.95).length, FIXED.length);
});

test('shuffled texts are the same ten', () => {
  const texts = textsOf({ cacheRate: 0, mode: 'shuffled' }, ID);
  assert.deepEqual(texts.toSorted(), SHUFFLED.toSorted());
});

test('no two requests have a new text in common, whatever chance says', () => {
  const ids = [
    ID,
    { ...ID, run: 2 },
    { ...ID, user: 2 },
    { ...ID, iteration: 2 },
    { ...ID, iteration: 1 + 64 ** 3 },
  ];
  const texts = ids.flatMap((id) => newTexts(id, () => 0.5));
  assert.equal(new Set(texts).size, texts.length);
});

test('a state that nobody knows counts as none', () => {
  assert.deepEqual(['HIT', 'partial', 'stale', undefined].map(cacheState), [
    'hit',
    'partial',
    'none',
    'none',
  ]);
});
