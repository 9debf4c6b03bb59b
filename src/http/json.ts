/**
 * Bytes to a JSON value, strictly and at a bounded cost.
 *
 * A body parser that guesses an encoding or repairs bytes would classify a text nobody sent; this
 * refuses instead. Never repeats the input in an error.
 */

import { ServiceError } from '../errors/service-error.js';
import { faultyInput, pointerTo } from './invalid-input.js';

/** Deeper input is refused before it is parsed: nothing we serve nests, and V8 recurses. */
const MAX_DEPTH = 64;

const [QUOTE, BACKSLASH, BRACKET, BRACKET_END, BRACE, BRACE_END] = Buffer.from('"\\[]{}');

/** Refuses what is not UTF-8 while it decodes, and skips a byte order mark. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws {ServiceError} `missing_body`, `invalid_utf8`, `invalid_json`, or `invalid_input` for a key that is none. */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) {
    throw new ServiceError('missing_body', 'The request has no body; it must be JSON.');
  }
  const text = decoded(bytes);
  if (hasManyBrackets(text) && isTooDeep(text)) {
    throw new ServiceError('invalid_json', `The body nests deeper than ${MAX_DEPTH} levels.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // V8's message quotes the input, so it goes no further.
    throw new ServiceError(
      'invalid_json',
      'The body is not valid JSON. A text goes in double quotes, with quotes and line breaks escaped.',
    );
  }
  if (/__proto__|\\u005f/i.test(text)) refuseProto(value, []);
  return value;
}

/** Schemas pass over this key, and what is passed over is not refused as others are. */
function refuseProto(value: unknown, path: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value) && Object.hasOwn(value, '__proto__')) {
    throw faultyInput([{ pointer: pointerTo([...path, '__proto__']), detail: 'is not known' }]);
  }
  for (const [key, inner] of Object.entries(value)) {
    refuseProto(inner, [...path, key]);
  }
}

function decoded(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ServiceError('invalid_utf8', 'The body holds bytes that are not UTF-8.');
  }
}

/** Whether it has enough brackets to nest too deep: few texts have, and `indexOf` sees that at once. */
function hasManyBrackets(text: string): boolean {
  let count = 0;
  for (const bracket of '[{') {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      count += 1;
      if (count > MAX_DEPTH) return true;
    }
  }
  return false;
}

/** One pass without a pattern: on input made to be hostile a pattern backtracks. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === BRACKET || code === BRACE) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (code === BRACKET_END || code === BRACE_END) depth -= 1;
  }
  return false;
}
