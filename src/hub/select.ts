/**
 * Which of a repository's files serving needs.
 */

import type { RemoteFile } from './client.js';
import { HubError } from './hub-error.js';

/** Read where they are there. */
const SETTINGS = ['tokenizer_config.json', 'special_tokens_map.json'];

/** One of these tokenizers, the first that is complete. */
const TOKENIZERS = [
  ['tokenizer.json'],
  ['sentencepiece.bpe.model'],
  ['vocab.json', 'merges.txt'],
  ['vocab.txt'],
];

export const SAFETENSORS = 'model.safetensors';
const SHARDS = 'model.safetensors.index.json';
const SHARD = /^model-\d+-of-\d+\.safetensors$/;
export const PICKLED = 'pytorch_model.bin';
/** Graphs as exporters name them; the second may have its weights beside it. */
const ONNX = [['model.onnx'], ['onnx/model.onnx']];

/** Configuration and tokenizer. */
export function selectSettings(files: readonly RemoteFile[], what: string): RemoteFile[] {
  const tokenizer = complete(files, TOKENIZERS);
  if (tokenizer === undefined) {
    const wanted = TOKENIZERS.map((names) => names.join(' with ')).join(', ');
    throw new HubError(`${what}: expected a tokenizer (${wanted}), found ${namesOf(files)}.`);
  }
  const config = complete(files, [['config.json']]);
  if (config === undefined) {
    throw new HubError(`${what}: expected config.json, found ${namesOf(files)}.`);
  }
  return [...config, ...files.filter(({ path }) => SETTINGS.includes(path)), ...tokenizer];
}

/** Safetensors, a pickle where there are none, otherwise a graph. */
export function selectWeights(files: readonly RemoteFile[], what: string): RemoteFile[] {
  const shards = files.filter(({ path }) => path === SHARDS || SHARD.test(path));
  const found =
    complete(files, [[SAFETENSORS]]) ??
    (shards.some(({ path }) => path === SHARDS) ? shards : undefined) ??
    complete(files, [[PICKLED], ...ONNX]);
  if (found !== undefined) return found;
  throw new HubError(
    `${what}: expected ${SAFETENSORS}, ${SHARDS}, ${PICKLED} or model.onnx, found ${namesOf(files)}.`,
  );
}

/** Whether a served file holds weights, or lists the files that do. */
export function isWeights(path: string): boolean {
  return /\.(?:safetensors|onnx|bin)$|\.safetensors\.index\.json$/.test(path);
}

function complete(
  files: readonly RemoteFile[],
  choices: readonly (readonly string[])[],
): RemoteFile[] | undefined {
  for (const names of choices) {
    const found = files.filter(({ path }) => names.includes(path));
    if (found.length === names.length) return found;
  }
  return undefined;
}

function namesOf(files: readonly RemoteFile[]): string {
  return files.length === 0 ? 'no files' : files.map(({ path }) => path).join(', ');
}
