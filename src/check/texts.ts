/**
 * Texts to check models with.
 */

import { readFileSync } from 'node:fs';

import { exitCodes, StartError } from '../start-error.js';

/** Of several lengths, scripts and degrees of nonsense; each is one that services really get. */
export const SELF_TEST_TEXTS: readonly string[] = [
  '',
  ' ',
  'ok',
  'This is how true happiness looks like 👍😜',
  'Das Wetter ist heute wunderschön, und wir gehen an den See.',
  'No me gustó nada la película: larga, aburrida y mal contada.',
  '今日はとても忙しい一日でした。',
  'Эта служба отвечает быстро и точно.',
  'مرحبا، كيف حالك اليوم؟',
  'FREE crypto!!! Send 1 ETH and receive 10 back, click http://example.org now 🚀🚀🚀',
  '@user RT: tabs\tand\nnewlines and \u0000 control characters',
  'a'.repeat(300),
  'The committee met on Tuesday and postponed its decision on the new bridge. '.repeat(12),
];

/**
 * The texts of `file`: one per line, or JSONL of strings or of objects with a `text`.
 *
 * @throws {StartError} naming the line that is neither.
 */
export function readTexts(file: string): readonly string[] {
  const lines = contentsOf(file).split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) fail(file, 1, 'is empty');
  if (!/\.(?:jsonl|ndjson)$/.test(file)) return lines;
  return lines.map((line, index) => textOf(line) ?? fail(file, index + 1, 'has no text'));
}

function contentsOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError([`Cannot read ${file}: ${(error as Error).message}`], exitCodes.usage);
  }
}

function textOf(line: string): string | undefined {
  try {
    const value = JSON.parse(line) as string | { readonly text?: unknown };
    const text = typeof value === 'string' ? value : value.text;
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

function fail(file: string, line: number, what: string): never {
  throw new StartError(
    [`${file}:${line} ${what}; give a JSON string or an object with a string "text" on each line.`],
    exitCodes.usage,
  );
}
