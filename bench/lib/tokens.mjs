// How many tokens a text has in each model, counted by transformers and kept in `bench/.work`.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BENCH, syntheticDir } from './paths.mjs';
import { environment } from './python.mjs';

/** A checkpoint for each distinct tokenizer of the five models: XLM-RoBERTa's, then RoBERTa's. */
const TOKENIZERS = ['ivanlau', 'jy46604790'];

/** Which of the counts is a model's. */
export function tokensOf(counts, model) {
  return counts[model === 'jy46604790' ? 1 : 0];
}

/** For every text the counts of `TOKENIZERS`, special tokens included, at most 512. */
export function countTokens(texts, folder) {
  const lines = texts.map((text) => `${JSON.stringify(text)}\n`).join('');
  const hash = createHash('sha256').update(lines).digest('hex').slice(0, 16);
  const file = join(folder, `tokens-${hash}.json`);
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(count(lines)));
  return JSON.parse(readFileSync(file, 'utf8'));
}

function count(lines) {
  const python = environment('tokens', join(BENCH, 'tools', 'requirements.txt'));
  const checkpoints = TOKENIZERS.map((name) => join(syntheticDir(), 'challenge', name));
  const output = execFileSync(python, [join(BENCH, 'tools', 'token_counts.py'), ...checkpoints], {
    input: lines,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
