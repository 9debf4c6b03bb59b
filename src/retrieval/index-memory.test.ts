import assert from 'node:assert/strict';
import { test } from 'node:test';

import { indexMemoryOf } from './index-memory.js';

const file = (name: string, bytes: number) => ({ name, bytes, sha256: '' });

test('what every search reads is the bytes of the rows, and what is held grows with filters and values', () => {
  const rows = 1_000_000;
  const files = [
    file('vectors.f32', 4 * 384 * rows),
    file('vectors.i8', 384 * rows),
    file('scales.f32', 4 * rows),
    file('entries.jsonl', 100 * rows),
  ];
  const plain = indexMemoryOf({ rows, fields: [], files });
  assert.equal(plain.read, 388 * rows);
  assert.equal(plain.held, 32 * 200_000 * 8, 'candidates of every query of a scan');
  const fields = [{ name: 'topic', values: ['a', 'b'] }];
  assert.equal(indexMemoryOf({ rows, fields, files }).held - plain.held, 32 * rows + 400);
  const graph = indexMemoryOf({
    ...{ rows, fields: [], graph: 'hnsw' },
    files: [...files, file('graph.usearch', 900 * rows)],
  });
  assert.equal(graph.read - plain.read, 900 * rows);
  assert.equal(graph.held - plain.held, 80 * rows);
  assert.equal(indexMemoryOf({ rows: 10, fields: [], files: [] }).held, 32 * 10 * 8);
});
