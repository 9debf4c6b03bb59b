import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { folderFor } from '../testing/folder.js';
import { readCorpus, type CorpusLine } from './corpus.js';

async function read(
  context: Parameters<typeof folderFor>[0],
  bytes: string | Buffer,
  fields: readonly string[] = [],
) {
  const file = join(folderFor(context), 'corpus.jsonl');
  writeFileSync(file, bytes);
  const lines: CorpusLine[] = [];
  const summary = await readCorpus(file, fields, (line) => {
    lines.push(line);
  });
  const faults = summary.faults.map((fault) => fault.replace(file, ''));
  return { ...summary, faults, read: lines };
}

test('lines have their id, what is answered, and the values that were asked for', async (context) => {
  const { read: lines, leftOut } = await read(
    context,
    '\uFEFF{"text":"a","topic":"x","year":1}\r\n\n' +
      '{"id":"b","text":"b","match":"B","topic":null}\n{"id":7,"text":"c\u2028","topic":true}',
    ['topic'],
  );
  assert.deepEqual(lines, [
    { id: '1', text: 'a', match: undefined, values: ['x'] },
    { id: 'b', text: 'b', match: 'B', values: [undefined] },
    { id: '7', text: 'c\u2028', match: undefined, values: [true] },
  ]);
  assert.deepEqual([...leftOut], [['year', 1]]);
});

const EXACT = ', and a number no larger than 2^53 - 1: write it as a string';
const OBJECT = 'must be an object such as {"text":"Why so serious?"}';

for (const [line, expected] of [
  ['', undefined],
  ['{"text":"a"}', undefined],
  ['text', 'is not JSON; each line must be an object such as {"text":"Why so serious?"}'],
  ['"a"', OBJECT],
  ['[]', OBJECT],
  ['null', OBJECT],
  ['{}', 'text must be a string'],
  ['{"text":7}', 'text must be a string'],
  ['{"text":" \\n"}', 'text is empty; there would be nothing to find it by'],
  ['{"text":"\\ud800"}', 'text has half of a surrogate pair'],
  ['{"text":"a","match":"\\ud800"}', 'match has half of a surrogate pair'],
  ['{"text":"a","id":"\\udc00"}', 'id has half of a surrogate pair'],
  ['{"text":"a","id":null}', `id must be a string or a number${EXACT}`],
  ['{"text":"a","match":1}', 'match must be a string'],
  ['{"text":"a","topic":{}}', 'topic must be a string, a number, true or false, to be filtered by'],
  ['{"text":"a","id":"1"}', undefined],
  ['{"text":"a","id":"first"}', 'its id is that of line 1; ids must differ'],
  [Buffer.from([0x22, 0xff, 0x22]), 'the line is not UTF-8'],
  [`{"text":"${'a'.repeat(1 << 16)}"}`, 'the line is longer than 65536 bytes'],
  ['{"text":"a","id":9007199254740993}', `id must be a string or a number${EXACT}`],
  ['{"text":"a","id":9007199254740991}', undefined],
  [
    '{"text":"a","topic":1e400}',
    `topic must be a string, a number, true or false, to be filtered by${EXACT}`,
  ],
] as const) {
  test(`a line: ${line.toString().slice(0, 40) || 'blank'}`, async (context) => {
    const first = Buffer.from('{"id":"first","text":"b"}\n');
    const all = Buffer.concat([first, Buffer.from(line), Buffer.from('\n{"text":"c"}\n')]);
    const { faults, lines } = await read(context, all, ['topic']);
    assert.deepEqual(faults, expected === undefined ? [] : [`:2: ${expected}`]);
    assert.equal(lines, expected === undefined && line !== '' ? 3 : 2);
  });
}

test('no more than twenty faults are told', async (context) => {
  const { faults, read: lines } = await read(
    context,
    `{"text":"a"}\n${'x\n'.repeat(50)}{"text":"b"}\n`,
  );
  assert.equal(faults.length, 20);
  assert.equal(lines.length, 1, 'what comes behind a fault is not taken');
});

test('the digest is that of the bytes', async (context) => {
  const { sha256, bytes } = await read(context, 'abc');
  assert.equal(sha256, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(bytes, 3);
});
