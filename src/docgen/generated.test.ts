import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { blocks, documents, pathOf } from './generated.js';

for (const [name, fresh] of Object.entries(documents)) {
  test(`what is generated in ${name} equals the code`, async () => {
    const text = readFileSync(pathOf(name), 'utf8');
    assert.ok(text === (await fresh(text)), `${name} is stale: npm run docs`);
  });
}

test('a block is rewritten, and what is around it stays', () => {
  const text = 'before\n<!-- a:begin -->\nold\n<!-- a:end -->\nafter\n';
  const fresh = 'before\n<!-- a:begin -->\n\nnew\n\n<!-- a:end -->\nafter\n';
  assert.equal(blocks({ a: () => 'new' })(text), fresh);
  assert.equal(blocks({ a: () => 'new' })(fresh), fresh);
});

test('a document without a block is refused by the name of the block', () => {
  assert.throws(() => blocks({ a: () => '' })('# Chorus\n'), /a:begin/);
});
