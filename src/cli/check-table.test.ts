import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkTable } from './check-table.js';

const config = { file: 'tokenizer_config.json', applied: true, reason: '' };
const folder = {
  name: 'a',
  architecture: 'bert',
  computedBy: 'onnx/model.onnx',
  settings: [
    { ...config, name: 'do_lower_case' },
    { ...config, name: 'padding_side', applied: false, reason: 'texts are not padded' },
    { ...config, name: 'strip_accents' },
    { ...config, name: 'unk_token' },
    { ...config, file: 'special_tokens_map.json', name: 'unk_token' },
    { ...config, file: 'special_tokens_map.json', name: 'additional_special_tokens' },
    { ...config, file: 'added_tokens.json', name: '2 tokens' },
  ],
};

test('what computes a model and what is applied of its tokenizer is a line; the rest is counted', () => {
  const bare = { ...folder, name: 'b', computedBy: 'weights', settings: [] };
  const report = { profile: 'p', folders: [folder, bare], models: [], notes: [], faults: [] };
  assert.deepEqual(checkTable(report).split('\n'), [
    'model  computed by      change no token  tokenizer settings applied',
    'a      onnx/model.onnx  1                do_lower_case, strip_accents, special tokens, 2 tokens',
    'b      weights          0                none',
    '',
    'Self-test passed.',
    '',
  ]);
});

test('notes are told, and a check with faults has not passed', () => {
  const report = { profile: 'p', folders: [], models: [], notes: ['no route serves a'] };
  assert.equal(checkTable({ ...report, faults: ['b'] }), 'Note: no route serves a.\n');
});
