import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ROW_FILES, VectorWriter } from '../engine/native-index.js';
import { folderFor } from '../testing/folder.js';
import { goldenOf, spread, vectorsOf } from './golden.js';

const ROWS = 900;
const DIMENSIONS = 24;

/** Vectors of length 1, whose directions have nothing in common. */
function vectorOf(row: number): Float32Array {
  const values = Float32Array.from({ length: DIMENSIONS }, (_, at) =>
    Math.sin((row + 1) * (at + 1) * 12.9898),
  );
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

async function written(folder: string) {
  const writer = new VectorWriter(folder, DIMENSIONS);
  writer.append(Array.from({ length: ROWS }, (_, row) => vectorOf(row)));
  const error = await writer.finish();
  writeFileSync(join(folder, ROW_FILES.entries), '{}\n'.repeat(ROWS));
  const offsets = BigUint64Array.from({ length: ROWS + 1 }, (_, row) => BigInt(3 * row));
  writeFileSync(join(folder, ROW_FILES.offsets), new Uint8Array(offsets.buffer));
  writeFileSync(join(folder, ROW_FILES.fields), '');
  return { rows: ROWS, dimensions: DIMENSIONS, error, graph: false };
}

test('what a generation is tried by is spread over its rows, as they were written', async (context) => {
  const folder = folderFor(context);
  const shape = await written(folder);
  const { golden, recallAt1, recallAt10 } = await goldenOf(folder, shape, 0);
  assert.deepEqual(
    golden.map(({ row }) => row),
    spread(16, ROWS),
  );
  for (const { row, vector } of golden) {
    const bytes = Buffer.from(vector, 'base64');
    assert.deepEqual(new Float32Array(new Uint8Array(bytes).buffer), vectorOf(row));
  }
  assert.deepEqual(vectorsOf(folder, shape, [1, 899]), [vectorOf(1), vectorOf(899)]);
  assert.deepEqual([recallAt1, recallAt10], [1, 1]);
});

test('a search that does not find what comparing all rows finds is told by its share', async (context) => {
  const folder = folderFor(context);
  const shape = await written(folder);
  const file = join(folder, 'vectors.i8');
  const bytes = readFileSync(file);
  rmSync(file);
  // A third of the rows is as bad as can be for whoever looks for them.
  writeFileSync(file, bytes.fill(0, 0, bytes.length / 3));
  const { recallAt1, recallAt10 } = await goldenOf(folder, shape, 0);
  assert.ok(recallAt1 > 0.5 && recallAt1 < 0.8, `at 1: ${recallAt1}`);
  assert.ok(recallAt10 > 0.5 && recallAt10 < 0.8, `at 10: ${recallAt10}`);
});
