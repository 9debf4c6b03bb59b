import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { RemoteFile } from './client.js';
import { isWeights, selectSettings, selectWeights } from './select.js';

function repository(...paths: readonly string[]): RemoteFile[] {
  return paths.map((path) => ({ path, bytes: 1, etag: '' }));
}

function pathsOf(files: readonly RemoteFile[]): string[] {
  return files.map(({ path }) => path);
}

for (const [what, has, selected] of [
  ['the fast tokenizer wins', ['vocab.txt', 'tokenizer.json'], ['tokenizer.json']],
  [
    'a sentencepiece vocabulary wins over words',
    ['vocab.txt', 'sentencepiece.bpe.model'],
    ['sentencepiece.bpe.model'],
  ],
  [
    'merges and vocabulary go together',
    ['merges.txt', 'vocab.json', 'vocab.txt'],
    ['merges.txt', 'vocab.json'],
  ],
  ['a vocabulary without its merges is none', ['vocab.json', 'vocab.txt'], ['vocab.txt']],
  [
    'what describes the tokenizer comes along',
    ['tokenizer.json', 'special_tokens_map.json', 'tokenizer_config.json', 'README.md'],
    ['special_tokens_map.json', 'tokenizer_config.json', 'tokenizer.json'],
  ],
] as const) {
  test(`settings: ${what}`, () => {
    const files = repository('config.json', ...has);
    assert.deepEqual(pathsOf(selectSettings(files, 'a/b at c')), ['config.json', ...selected]);
  });
}

test('settings that are missing are named beside what there is', () => {
  assert.throws(
    () => selectSettings(repository('config.json', 'vocab.json'), 'a/b at c'),
    /^HubError: a\/b at c: expected a tokenizer \(.*vocab\.json with merges\.txt.*\), found config\.json, vocab\.json\.$/,
  );
  assert.throws(
    () => selectSettings(repository('vocab.txt'), 'a/b at c'),
    /^HubError: a\/b at c: expected config\.json, found vocab\.txt\.$/,
  );
  assert.throws(() => selectSettings([], 'a/b at c'), /found no files\.$/);
});

const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
const SHARD_LIST = 'model.safetensors.index.json';

for (const [what, has, selected] of [
  [
    'one file wins over all',
    ['pytorch_model.bin', 'model.safetensors', SHARD_LIST],
    ['model.safetensors'],
  ],
  [
    'shards come with their list',
    [...SHARDS, SHARD_LIST, 'pytorch_model.bin'],
    [...SHARDS, SHARD_LIST],
  ],
  ['shards without their list are none', [...SHARDS, 'pytorch_model.bin'], ['pytorch_model.bin']],
  ['a pickle wins over a graph', ['model.onnx', 'pytorch_model.bin'], ['pytorch_model.bin']],
  ['a graph where exporters put it', ['onnx/model.onnx'], ['onnx/model.onnx']],
] as const) {
  test(`weights: ${what}`, () => {
    const files = repository('config.json', ...has);
    assert.deepEqual(pathsOf(selectWeights(files, 'a/b at c')), selected);
  });
}

test('weights that are missing are named beside what there is', () => {
  assert.throws(
    () => selectWeights(repository('tf_model.h5', ...SHARDS), 'a/b at c'),
    /^HubError: a\/b at c: expected model\.safetensors, .* or model\.onnx, found tf_model\.h5, model-00001/,
  );
});

test('weights are told from settings by their names', () => {
  for (const path of [
    'model.safetensors',
    ...SHARDS,
    SHARD_LIST,
    'pytorch_model.bin',
    'onnx/model.onnx',
  ]) {
    assert.ok(isWeights(path), path);
  }
  for (const path of ['config.json', 'tokenizer.json', 'sentencepiece.bpe.model', 'vocab.txt']) {
    assert.ok(!isWeights(path), path);
  }
});
