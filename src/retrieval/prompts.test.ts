import assert from 'node:assert/strict';
import { test } from 'node:test';

import { documentPrompt, queryPrompt } from './prompts.js';

for (const [prompts, defaultPrompt, query, document] of [
  [{}, undefined, '', ''],
  [{}, 'any: ', 'any: ', 'any: '],
  [{ query: 'query: ', passage: 'passage: ' }, undefined, 'query: ', 'passage: '],
  [{ query: 'q', document: 'd', passage: 'p' }, 'any', 'q', 'd'],
  [{ query: '', corpus: 'c' }, 'any', '', 'c'],
  [{ clustering: 'c' }, undefined, '', ''],
] as const) {
  test(`prompts ${JSON.stringify(prompts)} with ${String(defaultPrompt)} for others`, () => {
    const encoder = { prompts, defaultPrompt };
    assert.deepEqual([queryPrompt(encoder), documentPrompt(encoder)], [query, document]);
  });
}
