import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { README, withFreshBlocks } from './readme.js';

test("README's tables of settings, errors and metrics equal the code", () => {
  const text = readFileSync(README, 'utf8');
  assert.ok(text === withFreshBlocks(text), 'README.md is stale: npm run docs');
});

test('a README without a block is refused by the name of the block', () => {
  assert.throws(() => withFreshBlocks('# Chorus\n'), /settings:begin/);
});
