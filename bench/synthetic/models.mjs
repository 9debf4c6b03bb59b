// The five models of the challenge, and a sentiment classifier: what their folder holds and where its parts come
// from.
//
// Configs and tokenizers are the published ones where `../shared/data` has them. Without it, the
// configs are the base model's and the tokenizers are the starter models', whose few thousand ids
// are valid in the full vocabulary: speed is the same, only texts fall into more tokens. The sentiment
// classifier then has the tokenizer of a fixture, or what CHORUS_BERT_TOKENIZER names.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { LANGUAGES } from '../lib/contract.js';
import { ROOT, sharedData } from '../lib/paths.mjs';

const XLMR = { 'tokenizer.json': ['tok', 'xlmr', 'tokenizer.json'] };

const SOURCES = {
  cardiffnlp: {
    repository: 'cardiffnlp__twitter-xlm-roberta-base-sentiment',
    labels: ['negative', 'neutral', 'positive'],
    tokenizer: { 'sentencepiece.bpe.model': ['tok', 'xlmr', 'sentencepiece.rebuilt.model'] },
  },
  ivanlau: {
    repository: 'ivanlau__language-detection-fine-tuned-on-xlm-roberta-base',
    labels: LANGUAGES,
    tokenizer: XLMR,
  },
  svalabs: {
    repository: 'svalabs__twitter-xlm-roberta-crypto-spam',
    labels: ['HAM', 'SPAM'],
    tokenizer: XLMR,
  },
  EIStakovskii: {
    repository: 'EIStakovskii__xlm_roberta_base_multilingual_toxicity_classifier_plus',
    labels: ['LABEL_0', 'LABEL_1'],
    tokenizer: XLMR,
  },
  jy46604790: {
    repository: 'jy46604790__Fake-News-Bert-Detect',
    labels: ['LABEL_0', 'LABEL_1'],
    roberta: true,
    tokenizer: {
      'vocab.json': ['tok', 'roberta', 'vocab.json'],
      'merges.txt': ['tok', 'roberta', 'merges.txt'],
    },
  },
};

/** `{name, config, files: {name in the folder: path of its source}, labelCount}` for each of the five. */
export function models() {
  return Object.entries(SOURCES).map(([name, source]) => {
    const published = sharedData('models', source.repository, 'config.json');
    const config = published ? JSON.parse(readFileSync(published, 'utf8')) : baseConfig(source);
    return { name, config, files: tokenizerFiles(name, source), labelCount: source.labels.length };
  });
}

/** The same for the model of `models/sentiment.yaml`: DistilBERT, 66 million parameters, two labels. */
export function sentimentModel() {
  const labels = ['NEGATIVE', 'POSITIVE'];
  const tokenizer =
    process.env.CHORUS_BERT_TOKENIZER ??
    sharedData('tok', 'bert-uncased', 'tokenizer.json') ??
    join(ROOT, 'native', 'fixtures', 'distilbert', 'tokenizer.json');
  return {
    name: 'winegarj',
    config: distilbertConfig(labels),
    files: { 'tokenizer.json': tokenizer },
    labelCount: labels.length,
  };
}

function tokenizerFiles(name, { repository, tokenizer }) {
  const files = {};
  for (const [file, path] of Object.entries(tokenizer)) files[file] = sharedData(...path);
  if (!Object.values(files).includes(null)) {
    const settings = sharedData('models', repository, 'tokenizer_config.json');
    return settings ? { ...files, 'tokenizer_config.json': settings } : files;
  }
  const starter = join(ROOT, 'models', 'starter', name, 'tokenizer.json');
  if (!existsSync(starter))
    throw new Error(`no tokenizer for ${name}: neither ../shared/data nor ${starter}`);
  return { 'tokenizer.json': starter };
}

function baseConfig({ labels, roberta = false }) {
  return {
    architectures: [
      roberta ? 'RobertaForSequenceClassification' : 'XLMRobertaForSequenceClassification',
    ],
    bos_token_id: 0,
    eos_token_id: 2,
    hidden_act: 'gelu',
    hidden_size: 768,
    id2label: Object.fromEntries(labels.entries()),
    initializer_range: 0.02,
    intermediate_size: 3072,
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    layer_norm_eps: 1e-5,
    max_position_embeddings: 514,
    model_type: roberta ? 'roberta' : 'xlm-roberta',
    num_attention_heads: 12,
    num_hidden_layers: 12,
    pad_token_id: 1,
    position_embedding_type: 'absolute',
    type_vocab_size: 1,
    vocab_size: roberta ? 50265 : 250002,
  };
}

function distilbertConfig(labels) {
  return {
    activation: 'gelu',
    architectures: ['DistilBertForSequenceClassification'],
    dim: 768,
    hidden_dim: 3072,
    id2label: Object.fromEntries(labels.entries()),
    initializer_range: 0.02,
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    max_position_embeddings: 512,
    model_type: 'distilbert',
    n_heads: 12,
    n_layers: 6,
    pad_token_id: 0,
    sinusoidal_pos_embds: false,
    vocab_size: 30522,
  };
}
