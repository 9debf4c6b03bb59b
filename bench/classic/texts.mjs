// What is sent: messages of newsgroups where the shared data is, else lines of the corpus that the model was trained on.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { ROOT, sharedData } from '../lib/paths.mjs';
import { spread } from '../lib/texts.mjs';

const CORPUS = join(ROOT, 'models', 'classic', 'corpus', 'topics');
/** What is no text by itself: a remark, what a slot stands for, a line with slots to fill. */
const NO_TEXT = /^#|^\w+ = |\{\w+\}|^\s*$/;

/** `{name, texts}`, in an order in which every stretch has the lengths of the whole. */
export function realTexts() {
  const file = sharedData('classic', 'test.jsonl.gz');
  return file === null
    ? { name: 'the corpus', texts: spread(corpusTexts()) }
    : { name: 'newsgroups', texts: spread(newsgroups(file)) };
}

function newsgroups(file) {
  return linesOf(gunzipSync(readFileSync(file)).toString()).map((line) => JSON.parse(line).text);
}

function corpusTexts() {
  return readdirSync(CORPUS)
    .filter((name) => name.endsWith('.txt'))
    .flatMap((name) => linesOf(readFileSync(join(CORPUS, name), 'utf8')))
    .filter((line) => !NO_TEXT.test(line));
}

function linesOf(text) {
  return text.split('\n').filter((line) => line !== '');
}
