import assert from 'node:assert/strict';
import { test } from 'node:test';

import { agreed } from './answers.mjs';

test('texts whose labels differ are counted, and not sent', () => {
  const lists = [
    ['x', 'y', 'z'],
    ['x', 'z', 'z'],
  ];
  const rows = [
    { text: 'a', label: 'x' },
    { text: 'c', label: 'z' },
  ];
  assert.deepEqual(agreed(['a', 'b', 'c'], lists), { rows, wrong: 1 });
});

test('one list agrees with itself', () => {
  assert.deepEqual(agreed(['a'], [['x']]), { rows: [{ text: 'a', label: 'x' }], wrong: 0 });
});
