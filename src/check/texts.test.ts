import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { StartError } from '../start-error.js';
import { readTexts } from './texts.js';

function fileOf(context: TestContext, name: string, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-texts-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

function faultOf(file: string): string {
  try {
    readTexts(file);
  } catch (error) {
    assert.ok(error instanceof StartError);
    assert.equal(error.exitCode, 2);
    return error.lines.join('\n');
  }
  return assert.fail('it was read');
}

test('a line is a text, be it empty; the end of the last line is none', (context) => {
  assert.deepEqual(readTexts(fileOf(context, 'a.txt', 'one\n\n"two"\n')), ['one', '', '"two"']);
  assert.deepEqual(readTexts(fileOf(context, 'a.txt', 'one\ntwo')), ['one', 'two']);
});

test('JSONL holds strings, or objects with a text', (context) => {
  const lines = '"one\\n"\n{"text": "two", "label": 1}\n""\n';
  for (const name of ['a.jsonl', 'a.ndjson']) {
    assert.deepEqual(readTexts(fileOf(context, name, lines)), ['one\n', 'two', '']);
  }
});

test('a line without a text is named, and not repeated', (context) => {
  for (const line of [
    'secret',
    '7',
    'null',
    '["secret"]',
    '{"texts": "secret"}',
    '{"text": 7}',
    '',
  ]) {
    const file = fileOf(context, 'a.jsonl', `"fine"\n${line}\n"fine"\n`);
    const fault = faultOf(file);
    assert.ok(fault.startsWith(`${file}:2 has no text; `), fault);
    assert.doesNotMatch(fault, /secret/);
  }
});

test('a file that is empty or missing is named', (context) => {
  const empty = fileOf(context, 'a.txt', '');
  assert.ok(faultOf(empty).startsWith(`${empty}:1 is empty`));
  assert.match(faultOf('/nowhere/a.txt'), /^Cannot read \/nowhere\/a\.txt: ENOENT/);
});
