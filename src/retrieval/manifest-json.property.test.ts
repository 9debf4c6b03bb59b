import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { holds, mutated } from '../testing/properties.js';
import { manifestJson } from './manifest-json.js';

/** The value of `text`, or that it has none. */
async function read(parse: () => unknown): Promise<unknown> {
  try {
    return { value: await parse() };
  } catch (error) {
    assert.ok(error instanceof SyntaxError, String(error));
    return 'refused';
  }
}

async function isReadAsJson(text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const whole = await read(() => JSON.parse(bytes.toString()) as unknown);
  assert.deepEqual(await read(() => manifestJson(bytes)), whole);
  // Cut at every comma that may be one between values.
  assert.deepEqual(await read(() => manifestJson(bytes, 0)), whole, 'in small parts');
}

const value = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.json());
const field = fc.record({ name: fc.string(), values: fc.array(value), more: fc.jsonValue() });
const manifest = fc.record(
  { rows: fc.nat(), fields: fc.array(field), files: fc.jsonValue() },
  { requiredKeys: ['fields'] },
);
const written = fc
  .tuple(manifest, fc.constantFrom(undefined, 1, '\t'))
  .map(([value, space]) => JSON.stringify(value, null, space));

test('a manifest is what its JSON says', () => holds(fc.asyncProperty(written, isReadAsJson)));

test('any JSON is what it says', () => holds(fc.asyncProperty(fc.json(), isReadAsJson)));

test('a damaged manifest has the value that JavaScript gives it, or is refused', () => {
  const fragments = [
    '"',
    '\\',
    '[',
    ']',
    '{',
    '}',
    ',',
    ':',
    '"values":[1,2]',
    '"fields":[',
    '\\u0076',
  ];
  const damaged = written.chain((json) => mutated(json, fragments));
  return holds(fc.asyncProperty(damaged, isReadAsJson));
});

for (const text of [
  '{"fields":[{"values":[1,2]},{"values":[]}],"fields":[{"values":[3]}]}',
  '{"fields":[{"values":[1],"values":[]}]}',
  '{"fields":[{"values":[1],"v\\u0061lues":[]}]}',
  '{"fields":[{"values":[],"v\\u0061lues":[1]}]}',
  '{"fields":{"values":[1]}}',
  '{"fields":{"a":{"values":[1]}}}',
  '{"fields":[{"values":{"a":[1]}}]}',
  '{"fields":[{"values":[1}]}',
  '{"fields":[{"values":[1,]}]}',
  '{"fields":[{"values":[,1]}]}',
  '{"fields":[{"values":[ ,true,2]}]}',
  '{"fields":[{"values":[1,2',
  '{"fields":[{"values":[[1,2],{"a":[3,4]},5]}]}',
]) {
  test(`read as JSON: ${text}`, () => isReadAsJson(text));
}

test('hundreds of thousands of values are read in many turns of the event loop', async () => {
  const values = Array.from({ length: 300_000 }, (_, at) => `value ${at}`);
  const bytes = Buffer.from(JSON.stringify({ fields: [{ name: 'a', values }] }));
  let turns = 0;
  const count = setInterval(() => (turns += 1), 0);
  const json = await manifestJson(bytes);
  clearInterval(count);
  assert.deepEqual(json, { fields: [{ name: 'a', values }] });
  assert.ok(turns >= 3, `${turns} turns`);
});
