import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { documents, pathOf, withFreshBlocks } from './generated.js';

for (const name of Object.keys(documents)) {
  test(`the tables of ${name} equal the code`, () => {
    const text = readFileSync(pathOf(name), 'utf8');
    assert.ok(text === withFreshBlocks(name, text), `${name} is stale: npm run docs`);
  });
}

test('a document without a block is refused by the name of the block', () => {
  assert.throws(() => withFreshBlocks('README.md', '# Chorus\n'), /settings:begin/);
});
