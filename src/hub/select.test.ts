import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StartError } from '../start-error.js';
import type { RemoteFile } from './client.js';
import {
  computing,
  isPickled,
  isSettings,
  selectData,
  selectSettings,
  selectWeights,
  storedAs,
} from './select.js';

function repository(...paths: readonly string[]): RemoteFile[] {
  return paths.map((path) => ({ path, bytes: 1, etag: '' }));
}

function pathsOf(files: readonly RemoteFile[]): string[] {
  return files.map(({ path }) => path);
}

for (const [what, has, selected] of [
  [
    'the complete description of a tokenizer wins',
    ['vocab.txt', 'tokenizer.json'],
    ['tokenizer.json'],
  ],
  [
    'of several vocabularies all come, for the class decides',
    ['vocab.txt', 'sentencepiece.bpe.model', 'vocab.json', 'merges.txt'],
    ['vocab.txt', 'sentencepiece.bpe.model', 'vocab.json', 'merges.txt'],
  ],
  [
    'what is said of the tokenizer comes along',
    [
      'tokenizer.json',
      'added_tokens.json',
      'special_tokens_map.json',
      'tokenizer_config.json',
      'README.md',
      'generation_config.json',
    ],
    ['tokenizer.json', 'added_tokens.json', 'special_tokens_map.json', 'tokenizer_config.json'],
  ],
  [
    'the modules of sentence-transformers come with their settings',
    [
      'vocab.txt',
      'modules.json',
      'sentence_bert_config.json',
      'config_sentence_transformers.json',
      '1_Pooling/config.json',
      '2_Dense/config.json',
      '2_Dense/pytorch_model.bin',
      'onnx/config.json',
    ],
    [
      'vocab.txt',
      'modules.json',
      'sentence_bert_config.json',
      'config_sentence_transformers.json',
      '1_Pooling/config.json',
      '2_Dense/config.json',
    ],
  ],
  [
    'the transformer of sentence-transformers may have its settings under an older name',
    ['vocab.txt', 'modules.json', 'sentence_roberta_config.json', 'sentence_t5_config.json'],
    ['vocab.txt', 'modules.json', 'sentence_roberta_config.json'],
  ],
  [
    'folders that look like modules are none without the list',
    ['vocab.txt', '1_Pooling/config.json'],
    ['vocab.txt'],
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
const PICKLED = ['pytorch_model-00001-of-00002.bin', 'pytorch_model-00002-of-00002.bin'];
const PICKLED_LIST = 'pytorch_model.bin.index.json';

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
  [
    'pickled shards come with their list',
    [...PICKLED, PICKLED_LIST, ...SHARDS, 'model.onnx'],
    [...PICKLED, PICKLED_LIST],
  ],
] as const) {
  test(`weights: ${what}`, () => {
    const files = repository('config.json', ...has);
    assert.deepEqual(pathsOf(selectWeights(files, '')), selected);
  });
}

test('a graph is that file alone, and its numbers are what it names', () => {
  const files = repository('onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/numbers.pb');
  assert.deepEqual(pathsOf(selectWeights(files, 'onnx/model.onnx')), ['onnx/model.onnx']);
  assert.deepEqual(pathsOf(selectData(files, ['onnx/numbers.pb'], 'a/b at c')), [
    'onnx/numbers.pb',
  ]);
  assert.throws(
    () => selectData(files, ['onnx/numbers.pb', 'numbers.pb'], 'a/b at c'),
    new StartError([
      'a/b at c: expected numbers.pb, which has numbers of the graph, found no such file.',
    ]),
  );
});

test('what computes a model is looked for where a folder is', () => {
  const files = repository(
    'README.md',
    'onnx/model_quantized.onnx',
    'openvino/model.onnx',
    'onnx/old/model.onnx',
  );
  assert.deepEqual(computing(files, 'a/b at c'), ['README.md', 'onnx/model_quantized.onnx']);
  for (const only of [...SHARDS, 'openvino/model.onnx', 'tf_model.h5']) {
    assert.throws(
      () => computing(repository(only), 'a/b at c'),
      /^HubError: a\/b at c: expected model\.safetensors, .* or a graph such as model\.onnx, found /,
    );
  }
  for (const one of ['model.safetensors', SHARD_LIST, 'pytorch_model.bin', PICKLED_LIST]) {
    assert.deepEqual(computing(repository(one), 'a/b at c'), [one]);
  }
});

test('weights are told from settings by their names', () => {
  for (const path of [
    'model.safetensors',
    ...SHARDS,
    SHARD_LIST,
    'pytorch_model.bin',
    ...PICKLED,
    PICKLED_LIST,
    'onnx/model.onnx',
    'onnx/model.onnx_data',
    'onnx/model.onnx.data',
    'numbers.pb',
    'weights/vocab.txt',
  ]) {
    assert.ok(!isSettings(path), path);
  }
  for (const path of [
    'config.json',
    'tokenizer.json',
    'sentencepiece.bpe.model',
    'vocab.txt',
    '1_Pooling/config.json',
    'sentence_xlm-roberta_config.json',
  ]) {
    assert.ok(isSettings(path), path);
  }
});

test('pickles are stored by the names that transformers gives safetensors', () => {
  const names = ['pytorch_model.bin', ...PICKLED].map((path) => [isPickled(path), storedAs(path)]);
  assert.deepEqual(names, [
    [true, 'model.safetensors'],
    [true, SHARDS[0]],
    [true, SHARDS[1]],
  ]);
  for (const path of [PICKLED_LIST, 'training_args.bin']) assert.ok(!isPickled(path), path);
});
