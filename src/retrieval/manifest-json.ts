/**
 * The JSON of a manifest, read in parts: it has every value of every field, and hundreds of thousands of them at once hold up
 * the event loop of a service that loads another generation.
 *
 * Whatever the text is, the outcome is that of `JSON.parse`. Values of fields are found by counting brackets and parsed some
 * thousand at a time; all the rest is one small text.
 */

import { LoopShare } from './loop-share.js';

/** Bytes that are parsed at once: two milliseconds. */
const PART_BYTES = 1 << 18;

/** Where the lists of values are: `fields[…].values`. */
const LIST_DEPTH = 4;

const Byte = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openList: 0x5b,
  backslash: 0x5c,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/** A list of values in the text, from behind its bracket, cut at commas between values. */
interface List {
  readonly cuts: number[];
  end: number;
}

/**
 * What `JSON.parse` gives for the text of `bytes`; values are parsed some `partBytes` at once.
 *
 * @throws {SyntaxError} when it is no JSON.
 */
export async function manifestJson(bytes: Buffer, partBytes = PART_BYTES): Promise<unknown> {
  const share = new LoopShare();
  const lists = await listsIn(bytes, partBytes, share);
  const rest: string[] = [];
  let at = 0;
  const values: unknown[][] = [];
  for (const { cuts, end } of lists) {
    const [begin = end] = cuts;
    rest.push(bytes.toString('utf8', at, begin));
    at = end;
    const list: unknown[] = [];
    for (const [index, cut] of cuts.entries()) {
      // Behind a cut is the comma.
      const from = index === 0 ? cut : cut + 1;
      const part = bytes.toString('utf8', from, cuts[index + 1] ?? end);
      const parsed = JSON.parse(`[${part}]`) as unknown[];
      if (cuts.length > 1 && parsed.length === 0) throw new SyntaxError('a value is missing');
      for (const value of parsed) list.push(value);
      await share.pause();
    }
    values.push(list);
  }
  rest.push(bytes.toString('utf8', at));
  const json = JSON.parse(rest.join('')) as unknown;
  return filled(json, values) ? json : JSON.parse(bytes.toString());
}

/** Gives each field its values; false where keys are there twice, and nobody knows whose they are. */
function filled(json: unknown, values: readonly unknown[][]): boolean {
  if (values.length === 0) return true;
  const { fields } = json as { readonly fields?: unknown };
  if (!Array.isArray(fields)) return false;
  const owners = (fields as unknown[]).filter((field): field is { values: unknown[] } => {
    const own = (field as { readonly values?: unknown } | null)?.values;
    return Array.isArray(own) && own.length === 0;
  });
  if (owners.length !== values.length || owners.length !== fields.length) return false;
  for (const [index, owner] of owners.entries()) owner.values = values[index] ?? [];
  return true;
}

/** The lists of values, in order. What is no JSON has lists of any kind, or none: it is parsed all the same. */
async function listsIn(
  bytes: Buffer,
  partBytes: number,
  share: LoopShare,
): Promise<readonly List[]> {
  const lists: List[] = [];
  /** Of each depth, the string before the last colon. */
  const keys: (string | undefined)[] = [];
  let string = { begin: 0, end: 0 };
  let depth = 0;
  let list: List | undefined;
  let steps = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at] ?? 0) {
      case Byte.quote: {
        const end = endOfString(bytes, at + 1);
        string = { begin: at + 1, end };
        at = end;
        break;
      }
      case Byte.colon:
        if (list === undefined) {
          const key = bytes.toString('latin1', string.begin, string.end);
          // It may be another way to write one that is looked for.
          if (key.includes('\\')) return [];
          keys[depth] = key;
        }
        break;
      case Byte.openList:
      case Byte.openObject:
        depth += 1;
        keys[depth] = undefined;
        if (depth === LIST_DEPTH && keys[1] === 'fields' && keys[3] === 'values') {
          if (bytes[at] === Byte.openList) list = { cuts: [at + 1], end: bytes.length };
        }
        break;
      case Byte.closeList:
      case Byte.closeObject:
        if (list !== undefined && depth === LIST_DEPTH) {
          list.end = at;
          lists.push(list);
          list = undefined;
        }
        depth -= 1;
        break;
      case Byte.comma:
        if (list !== undefined && depth === LIST_DEPTH) {
          const last = list.cuts.at(-1) ?? at;
          if (at - last > partBytes) list.cuts.push(at);
        }
        break;
    }
    steps += 1;
    if (steps % 4096 === 0) await share.pause();
  }
  return lists;
}

/** Where the string ends that begins at `at`: its quote, or the end of all. */
function endOfString(bytes: Buffer, at: number): number {
  let end = bytes.indexOf(Byte.quote, at);
  while (end >= 0) {
    let slashes = 0;
    while (bytes[end - 1 - slashes] === Byte.backslash && end - 1 - slashes >= at) slashes += 1;
    if (slashes % 2 === 0) return end;
    end = bytes.indexOf(Byte.quote, end + 1);
  }
  return bytes.length;
}
