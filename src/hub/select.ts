/**
 * Which of a repository's files serving needs: first what describes a model, then what computes it.
 */

import { StartError } from '../start-error.js';
import type { RemoteFile } from './client.js';
import { HubError } from './hub-error.js';

const CONFIG = 'config.json';
/** Read where they are there: what is said of the tokenizer, and the modules of sentence-transformers. */
const SETTINGS = [
  'added_tokens.json',
  'special_tokens_map.json',
  'tokenizer_config.json',
  'config_sentence_transformers.json',
  'modules.json',
];
/** The settings of its transformer, which it has called by the model's type, and by BERT whatever that is. */
const TRANSFORMER_SETTINGS =
  /^sentence_(?:bert|roberta|distilbert|camembert|albert|xlm-roberta|xlnet)_config\.json$/;
/** The settings of a module, in the folder that sentence-transformers makes for it. */
const MODULE_SETTINGS = /^\d+_\w+\/config\.json$/;

/** The complete description of a tokenizer, which is preferred to vocabularies. */
const TOKENIZER = 'tokenizer.json';
/** One of these must be complete; which of several is read, the tokenizer's class decides. */
const VOCABULARIES = [['sentencepiece.bpe.model'], ['vocab.json', 'merges.txt'], ['vocab.txt']];

const SAFETENSORS = 'model.safetensors';
const SHARDS = 'model.safetensors.index.json';
const SHARD = /^model-\d+-of-\d+\.safetensors$/;
const PICKLED = 'pytorch_model.bin';
const PICKLED_SHARDS = 'pytorch_model.bin.index.json';
const PICKLED_SHARD = /^pytorch_model-\d+-of-\d+\.bin$/;
/** Where exporters put graphs. */
const GRAPH = /^(?:onnx\/)?[^/]+\.onnx$/;

/** Configuration and tokenizer: all small files that may say something about a model. */
export function selectSettings(files: readonly RemoteFile[], what: string): RemoteFile[] {
  const has = (path: string) => files.some((file) => file.path === path);
  const tokenizer = has(TOKENIZER) ? [TOKENIZER] : VOCABULARIES.flat();
  if (!has(TOKENIZER) && !VOCABULARIES.some((names) => names.every(has))) {
    const wanted = [[TOKENIZER], ...VOCABULARIES].map((names) => names.join(' with ')).join(', ');
    throw new HubError(`${what}: expected a tokenizer (${wanted}), found ${namesOf(files)}.`);
  }
  if (!has(CONFIG)) {
    throw new HubError(`${what}: expected ${CONFIG}, found ${namesOf(files)}.`);
  }
  const named = [CONFIG, ...SETTINGS, ...tokenizer];
  const modules = has('modules.json') ? MODULE_SETTINGS : undefined;
  return files.filter(
    ({ path }) =>
      named.includes(path) || TRANSFORMER_SETTINGS.test(path) || modules?.test(path) === true,
  );
}

/** The names of the files that may compute a model, as they are looked for in a folder. */
export function computing(files: readonly RemoteFile[], what: string): string[] {
  const names = files.map(({ path }) => path).filter((path) => /^(?:onnx\/)?[^/]+$/.test(path));
  const lists = [SAFETENSORS, SHARDS, PICKLED, PICKLED_SHARDS];
  if (names.some((name) => lists.includes(name) || GRAPH.test(name))) return names;
  throw new HubError(
    `${what}: expected ${lists.join(', ')} or a graph such as model.onnx, found ${namesOf(files)}.`,
  );
}

/** What of `files` is `graph`; where it is empty, the weights of a checkpoint: safetensors, otherwise a pickle. */
export function selectWeights<F extends RemoteFile>(files: readonly F[], graph: string): F[] {
  if (graph !== '') return files.filter(({ path }) => path === graph);
  const single = (name: string) => files.filter(({ path }) => path === name);
  const listed = (list: string, shard: RegExp) =>
    single(list).length === 0 ? [] : files.filter(({ path }) => path === list || shard.test(path));
  const choices = [
    single(SAFETENSORS),
    listed(SHARDS, SHARD),
    single(PICKLED),
    listed(PICKLED_SHARDS, PICKLED_SHARD),
  ];
  return choices.find((choice) => choice.length > 0) ?? [];
}

/**
 * Those of `files` that have a graph's numbers.
 *
 * @throws {StartError} where one of `names` is none of them.
 */
export function selectData<F extends RemoteFile>(
  files: readonly F[],
  names: readonly string[],
  what: string,
): F[] {
  return names.map((name) => {
    const found = files.find(({ path }) => path === name);
    if (found !== undefined) return found;
    throw new StartError([
      `${what}: expected ${name}, which has numbers of the graph, found no such file.`,
    ]);
  });
}

/** Whether a served file describes a model; others compute it. */
export function isSettings(path: string): boolean {
  const named = [CONFIG, ...SETTINGS, TOKENIZER, ...VOCABULARIES.flat()];
  return named.includes(path) || TRANSFORMER_SETTINGS.test(path) || MODULE_SETTINGS.test(path);
}

/** Whether a file's tensors are stored as safetensors before they are served. */
export function isPickled(path: string): boolean {
  return path === PICKLED || PICKLED_SHARD.test(path);
}

/** The name of a pickled file's tensors as safetensors. */
export function storedAs(pickled: string): string {
  return pickled.replace(/^pytorch_model(.*)\.bin$/, 'model$1.safetensors');
}

function namesOf(files: readonly RemoteFile[]): string {
  return files.length === 0 ? 'no files' : files.map(({ path }) => path).join(', ');
}
