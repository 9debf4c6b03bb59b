import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { LineOutput } from './output.js';

type Done = (error: NodeJS.ErrnoException | null, written: number) => void;

/** A file of which each write waits until the test ends it. */
function heldFile() {
  const writes: { text: string; done: Done }[] = [];
  const output = new LineOutput(1, (_fd, bytes, done) => {
    writes.push({ text: bytes.toString(), done });
  });
  /** The write under way takes so many bytes, or fails with `error`. */
  const end = (written: number, error?: string) => {
    writes.at(-1)?.done(error === undefined ? null : failure(error), written);
  };
  return { output, texts: () => writes.map(({ text }) => text), end };
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

test('lines are written in their order, one write at a time', () => {
  const { output, texts, end } = heldFile();
  for (const line of ['a\n', 'b\n', 'c\n']) output.write(line);
  assert.deepEqual(texts(), ['a\n']);
  end(2);
  assert.deepEqual(texts(), ['a\n', 'b\nc\n']);
  end(1);
  assert.deepEqual(texts(), ['a\n', 'b\nc\n', '\nc\n']);
  end(3);
  assert.equal(output.dropped, 0);
});

test('a line that cannot be written is dropped and counted, and the next is tried', () => {
  const { output, texts, end } = heldFile();
  output.write('a\n');
  output.write('b\n');
  output.write('c\n');
  end(0, 'ENOSPC');
  assert.equal(output.dropped, 1);
  end(0, 'EIO');
  assert.equal(output.dropped, 3);
  output.write('d\n');
  assert.equal(texts().at(-1), 'd\n');
});

test('what follows half a line begins a line of its own', () => {
  const { output, texts, end } = heldFile();
  output.write('{"a":1}\n');
  end(4);
  end(0, 'ENOSPC');
  assert.equal(output.dropped, 1);
  output.write('b\n');
  assert.equal(texts().at(-1), '\nb\n');
  end(0, 'ENOSPC');
  assert.equal(output.dropped, 2);
  output.write('c\n');
  end(3);
  output.write('d\n');
  assert.deepEqual(texts().slice(-2), ['\nc\n', 'd\n']);
});

test('what waits is bounded, and there is room again once it is written', () => {
  const { output, texts, end } = heldFile();
  const line = `${'x'.repeat(1023)}\n`;
  for (let count = 0; count < 2000; count += 1) output.write(line);
  assert.equal(output.dropped, 2000 - 1024);
  end(1024);
  output.write('again\n');
  assert.equal(output.dropped, 2000 - 1024);
  assert.ok((texts().at(-1)?.length ?? 0) < 100_000, 'a write is bounded, too');
});

test('a full pipe is tried again', async () => {
  const { output, texts, end } = heldFile();
  output.write('a\n');
  end(0, 'EAGAIN');
  const emptied = output.emptied(5000);
  while (texts().length < 2) await new Promise(setImmediate);
  assert.equal(texts().at(-1), 'a\n');
  end(2);
  await emptied;
  assert.equal(output.dropped, 0);
});

test('whoever waits for the end of what cannot be written waits no longer than they want', async () => {
  const { output } = heldFile();
  await output.emptied(60_000);
  output.write('a\n');
  await output.emptied(10);
});

test('all lines are in the file when it is emptied', async (context) => {
  const file = join(tmpdir(), `chorus-output-${process.pid}`);
  const fd = openSync(file, 'w');
  context.after(() => {
    closeSync(fd);
    rmSync(file);
  });
  const output = new LineOutput(fd);
  const lines = Array.from({ length: 5000 }, (_, index) => `${index} é\n`);
  for (const line of lines) output.write(line);
  await output.emptied(10_000);
  assert.equal(readFileSync(file, 'utf8'), lines.join(''));
});
