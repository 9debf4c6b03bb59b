/**
 * A corpus: a file with a line of JSON for each text that can be found.
 *
 *     {"id": "faq-1", "text": "Why so serious?", "match": "…", "topic": "films"}
 *
 * `text` is what is looked for, `match` what is answered instead of it, `id` names the line, by default its number. Other
 * keys are values that can be filtered by, where they are asked for; of the rest it is told that they are left out.
 */

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

import type { FieldValue } from './manifest.js';

/** A line of a corpus. */
export interface CorpusLine {
  readonly id: string;
  readonly text: string;
  readonly match: string | undefined;
  /** Of each field that was asked for, in that order. */
  readonly values: readonly (FieldValue | undefined)[];
}

/** What reading a corpus has shown. */
export interface CorpusSummary {
  readonly sha256: string;
  readonly bytes: number;
  readonly lines: number;
  /** What is wrong, with line numbers, at most so many; none: the corpus can be indexed. */
  readonly faults: readonly string[];
  /** Keys that were left out, with the number of lines that have them. */
  readonly leftOut: ReadonlyMap<string, number>;
}

const MOST_FAULTS = 20;
/** A line is held whole, and answered whole; this is a long chapter, of which an encoder reads a page. */
const MOST_LINE_BYTES = 1 << 16;

/**
 * Reads `file` to its end and gives each line that is right to `take`; waits where that returns a promise.
 *
 * @throws {Error} when the file cannot be read.
 */
export async function readCorpus(
  file: string,
  fields: readonly string[],
  take: (line: CorpusLine) => void | Promise<void>,
): Promise<CorpusSummary> {
  const hash = createHash('sha256');
  const faults: string[] = [];
  const leftOut = new Map<string, number>();
  const firstOf = new Map<string, number>();
  let number = 0;
  let lines = 0;
  let bytes = 0;
  for await (const line of linesOf(file, hash, (length) => (bytes += length))) {
    number += 1;
    const fault = (what: string) => {
      if (faults.length < MOST_FAULTS) faults.push(`${file}:${number}: ${what}`);
    };
    if (typeof line !== 'string') {
      fault(line.fault);
      continue;
    }
    if (/^\s*$/.test(line)) continue;
    const read = lineOf(line, number, fields, leftOut);
    if (typeof read === 'string') {
      fault(read);
      continue;
    }
    const before = firstOf.get(read.id);
    if (before !== undefined) {
      fault(`its id is that of line ${before}; ids must differ`);
      continue;
    }
    firstOf.set(read.id, number);
    lines += 1;
    if (faults.length === 0) await take(read);
  }
  return { sha256: hash.digest('hex'), bytes, lines, faults, leftOut };
}

/** A line, or what is wrong with it. */
function lineOf(
  text: string,
  number: number,
  fields: readonly string[],
  leftOut: Map<string, number>,
): CorpusLine | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is not JSON; each line must be an object such as {"text":"Why so serious?"}';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'must be an object such as {"text":"Why so serious?"}';
  }
  const { id = String(number), text: found, match, ...others } = value as Record<string, unknown>;
  if (typeof id !== 'string' && !isExact(id)) return `id must be a string or a number${EXACT}`;
  if (typeof found !== 'string') return 'text must be a string';
  if (found.trim() === '') return 'text is empty; there would be nothing to find it by';
  if (!found.isWellFormed()) return `text ${HALF}`;
  if (match !== undefined && typeof match !== 'string') return 'match must be a string';
  if (match?.isWellFormed() === false) return `match ${HALF}`;
  if (typeof id === 'string' && !id.isWellFormed()) return `id ${HALF}`;
  const values: (FieldValue | undefined)[] = [];
  for (const name of fields) {
    const own = Object.hasOwn(others, name) ? others[name] : undefined;
    if (own !== undefined && own !== null && !isFieldValue(own)) {
      return `${name} must be a string, a number, true or false, to be filtered by${typeof own === 'number' ? EXACT : ''}`;
    }
    if (typeof own === 'string' && !own.isWellFormed()) return `${name} ${HALF}`;
    values.push(own ?? undefined);
  }
  for (const name of Object.keys(others)) {
    if (!fields.includes(name)) leftOut.set(name, (leftOut.get(name) ?? 0) + 1);
  }
  return { id: String(id), text: found, match, values };
}

/** It is no text that could be answered. */
const HALF = 'has half of a surrogate pair';

const EXACT = ', and a number no larger than 2^53 - 1: write it as a string';

/** Whether it is the number that was written: larger whole ones are not, nor is one that became infinite. */
function isExact(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function isFieldValue(value: unknown): value is FieldValue {
  return typeof value === 'string' || typeof value === 'boolean' || isExact(value);
}

/** Lines without their ends, or what is wrong with one. */
async function* linesOf(
  file: string,
  hash: Hash,
  read: (bytes: number) => void,
): AsyncGenerator<string | { readonly fault: string }> {
  // Takes a byte order mark away.
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let rest: Buffer[] = [];
  let length = 0;
  const whole = (end: Buffer) => {
    const line = Buffer.concat([...rest, end]);
    const isTooLong = length + end.length > MOST_LINE_BYTES;
    rest = [];
    length = 0;
    if (isTooLong) return { fault: `the line is longer than ${MOST_LINE_BYTES} bytes` };
    try {
      return utf8.decode(line);
    } catch {
      return { fault: 'the line is not UTF-8' };
    }
  };
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) {
    const bytes = chunk as Buffer;
    hash.update(bytes);
    read(bytes.length);
    let begin = 0;
    for (;;) {
      const end = bytes.indexOf(0x0a, begin);
      if (end < 0) break;
      yield whole(bytes.subarray(begin, end));
      begin = end + 1;
    }
    // Of a line that is too long already, nothing more is kept.
    if (length <= MOST_LINE_BYTES) rest.push(bytes.subarray(begin));
    length += bytes.length - begin;
  }
  if (length > 0) yield whole(Buffer.alloc(0));
}
