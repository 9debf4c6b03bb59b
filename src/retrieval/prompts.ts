/**
 * What an encoder wants in front of texts: one thing for what is looked for, another for what is found, as
 * sentence-transformers' `encode_query` and `encode_document` have it.
 */

import type { ModelInfo } from '../engine/engine.js';

type Prompts = Pick<ModelInfo, 'prompts' | 'defaultPrompt'>;

const QUERY = ['query'];
const DOCUMENT = ['document', 'passage', 'corpus'];

export function queryPrompt(encoder: Prompts): string {
  return promptOf(encoder, QUERY);
}

export function documentPrompt(encoder: Prompts): string {
  return promptOf(encoder, DOCUMENT);
}

/** The first of `names` that there is, or what stands before any text. */
function promptOf({ prompts, defaultPrompt = '' }: Prompts, names: readonly string[]): string {
  const name = names.find((name) => Object.hasOwn(prompts, name));
  return name === undefined ? defaultPrompt : (prompts[name] ?? '');
}
