import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { Kept } from './kept.js';
import { MemoryTier } from './memory-tier.js';

function kept(...scores: readonly number[]): Kept {
  const labels = scores.map((_, at) => `LABEL_${at}`);
  return {
    output: { type: 'classification', labels, scores: Float32Array.from(scores) },
    truncated: false,
  };
}

test('a text has what was put for each of its models', () => {
  const memory = new MemoryTier(1 << 20);
  const [one, other, newer] = [kept(0.25, 0.75), kept(1), kept(0.5, 0.5)];
  memory.put('a', [undefined, one]);
  memory.put('a', [other]);
  assert.deepEqual(memory.get('a'), [other, one]);
  memory.put('a', [undefined, newer]);
  assert.deepEqual(memory.get('a'), [other, newer]);
  assert.equal(memory.get('b'), undefined);
  assert.equal(memory.figures.entries, 1);
});

test('what was asked for least recently goes once there is too much, and is counted', () => {
  const memory = new MemoryTier(10_000);
  for (let at = 0; at < 10; at += 1) {
    memory.put('always', [kept(1)]);
    memory.put(`text ${at} `.padEnd(1000, 'x'), [kept(1)]);
    assert.ok(memory.get('always'));
  }
  const { entries, bytes, evictions } = memory.figures;
  assert.ok(bytes <= 10_000 && bytes > 5000, `${bytes}`);
  assert.equal(entries + evictions, 11);
  assert.equal(memory.get('text 0 '.padEnd(1000, 'x')), undefined);
});

test('a text that is larger than all memory is not kept', () => {
  const memory = new MemoryTier(10_000);
  memory.put('small', [kept(1)]);
  memory.put('x'.repeat(10_000), [kept(1)]);
  assert.equal(memory.get('x'.repeat(10_000)), undefined);
  assert.ok(memory.get('small'));
});

test('the bytes that are counted are about those that are taken', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const memory = new MemoryTier(32 << 20);
  gc();
  const before = process.memoryUsage();
  for (let at = 0; at < 60_000; at += 1) {
    memory.put(`a text of some forty characters, number ${at}`, [kept(0.25, 0.75)]);
  }
  gc();
  const after = process.memoryUsage();
  const taken = after.heapUsed + after.external - before.heapUsed - before.external;
  const { bytes } = memory.figures;
  assert.ok(taken < bytes * 1.5, `${taken} taken, ${bytes} counted`);
});
