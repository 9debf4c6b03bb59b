import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Footprint } from '../engine/native-models.js';
import { needBeside, needOf, needOfIndex } from './need.js';
import { indexRefusal, memoryRefusal, whatFits } from './refusal.js';

const MIB = 1024 ** 2;

const bounds = { cacheSize: 64 * MIB, maxBodyMemory: 64 * MIB, modelMemory: 0 };

/** Of models of so many MiB. */
function footprint(weights: Readonly<Record<string, number>>, rest: Partial<Footprint> = {}) {
  const models = Object.entries(weights).map(([name, size]) => ({
    name,
    isLazy: name.startsWith('lazy'),
    weights: size * MIB,
    buffers: 10 * MIB,
    mapped: 100 * MIB,
  }));
  return {
    models,
    tokenizers: 5 * MIB,
    loadingTokenizers: 50 * MIB,
    packing: 7 * MIB,
    lanes: 2,
    isOnCpu: true,
    memoryLimit: 0,
    cpuQuota: 0,
    ...rest,
  };
}

test('what is needed grows with models, lanes, answers and bodies', () => {
  const { bytes } = needOf(footprint({ a: 100 }), bounds);
  const more = (of: Footprint, by = bounds) => (needOf(of, by).bytes - bytes) / MIB;
  assert.equal(more(footprint({ a: 100, b: 30 })), 40, 'weights and buffers of another model');
  assert.equal(more(footprint({ a: 100 }, { tokenizers: 6 * MIB })), 1);
  assert.equal(more(footprint({ a: 100 }), { ...bounds, cacheSize: 128 * MIB }), 80);
  assert.equal(more(footprint({ a: 100 }), { ...bounds, maxBodyMemory: 65 * MIB }), 2);
});

test('of models on demand only what has room counts, with its buffers', () => {
  const { bytes } = needOf(footprint({ a: 100 }), bounds);
  const models = footprint({ a: 100, lazy1: 30, lazy2: 10, lazy3: 60 });
  const more = (modelMemory: number) =>
    Math.round((needOf(models, { ...bounds, modelMemory: modelMemory * MIB }).bytes - bytes) / MIB);
  assert.equal(more(0), 130, 'all of them');
  assert.equal(more(1000), 130);
  assert.equal(more(140), 60, 'the two with more buffers for their weights');
  assert.equal(more(100), 0);
  const limit = needOf(models, { ...bounds, modelMemory: 100 * MIB }).bytes;
  assert.ok(
    whatFits(models, bounds, limit, []).some((line) => line.startsWith('--model-memory 100MiB')),
  );
});

test('the worst moment may be before anything is served', () => {
  const loading = needOf(footprint({ a: 1 }, { loadingTokenizers: 900 * MIB }), bounds);
  assert.deepEqual(
    loading.parts.map(({ what }) => what),
    ['loading tokenizers', 'Node.js and what the process is made of'],
  );
  const packing = needOf(footprint({ a: 1 }, { packing: 900 * MIB }), bounds);
  assert.ok(packing.parts.some(({ what }) => what === 'packing weights'));
});

test('its parts are its sum', () => {
  for (const rest of [{}, { loadingTokenizers: 900 * MIB }, { packing: 900 * MIB }]) {
    const { bytes, parts } = needOf(footprint({ a: 100, b: 1 }, rest), bounds);
    assert.equal(
      parts.reduce((sum, part) => sum + part.bytes, 0),
      bytes,
    );
  }
});

test('a reload needs room for what is new beside what is served', () => {
  const before = needOf(footprint({ a: 100, b: 100 }), bounds);
  const added = (taken: string[]) =>
    (needBeside(before, footprint({ a: 100, b: 100 }), new Set(taken), bounds).bytes -
      before.bytes) /
    MIB;
  assert.equal(added([]), 100 + 10 + 100 + 10 + 5 + 7);
  assert.equal(added(['b']), 100 + 10 + 5 + 7);
  assert.equal(added(['a', 'b']), 50, 'tokenizers are read again, and only for a moment');
});

test('an index is part of what is needed, what every search reads of its files as well', () => {
  const index = { read: 300 * MIB, held: 20 * MIB };
  const of = footprint({ a: 100 });
  const { bytes } = needOf(of, bounds);
  const need = needOf(of, { ...bounds, index });
  assert.equal((need.bytes - bytes) / MIB, 320);
  const limit = bytes + 319 * MIB;
  const lines = memoryRefusal(need, limit, whatFits(of, { ...bounds, index }, limit, []));
  assert.ok(lines.some((line) => /^ +300 MiB {2}the index: what every search reads$/.test(line)));
  assert.match(lines.at(-1) ?? '', /--cache-size 0 \(/, 'what would fit is told with the index');
  const before = needOf(of, { ...bounds, index });
  const beside = needBeside(before, of, new Set(['a']), { ...bounds, index });
  assert.equal(
    (beside.bytes - needBeside(before, of, new Set(['a']), bounds).bytes) / MIB,
    0,
    'tokenizers that are loaded take more than the index that is opened again',
  );
});

test('another generation of an index needs room beside the one that is served', () => {
  const [served, next] = [
    { read: 300 * MIB, held: 20 * MIB },
    { read: 400 * MIB, held: 30 * MIB },
  ];
  const need = needOfIndex(1000 * MIB, served, next);
  assert.equal(need.bytes, 1750 * MIB);
  const lines = indexRefusal('b', need, 1430 * MIB, 1500 * MIB);
  assert.deepEqual(lines, [
    'b needs 1750 MiB of memory with what is served meanwhile, and the process may take 1500 MiB:',
    '    1320 MiB  what is served meanwhile',
    '     400 MiB  the index: what every search reads',
    '      30 MiB  the index: filters, candidates and values of fields',
    'What would fit: a restart, which needs 1430 MiB; a limit of 1750 MiB, or a larger --memory-limit.',
  ]);
  assert.doesNotMatch(indexRefusal('b', need, 1430 * MIB, 1400 * MIB).at(-1) ?? '', /restart/);
});

test('a refusal says what is needed for what, what there is, and what would fit', () => {
  const large = footprint({ small: 50, huge: 1000 });
  const need = needOf(large, bounds);
  const limit = 700.5 * MIB;
  const int8 = { how: '--precision int8', footprint: footprint({ small: 13, huge: 250 }) };
  const lanes = { how: '--lanes 1', footprint: large };
  const lines = memoryRefusal(need, limit, whatFits(large, bounds, limit, [[int8], [lanes]]));
  assert.match(lines[0] ?? '', /needs 1459 MiB of memory, and the process may take 700 MiB:$/);
  assert.ok(lines.some((line) => /^ +1000 MiB {2}huge$/.test(line)));
  assert.equal(
    lines.at(-1),
    'What would fit: --precision int8 (672 MiB); the profile without huge (449 MiB); ' +
      'a limit of 1459 MiB, or a larger --memory-limit.',
  );
});

test('settings that bound memory are offered where they are enough', () => {
  const of = footprint({ a: 100 });
  const limit = needOf(of, bounds).bytes - 20 * MIB;
  assert.deepEqual(
    whatFits(of, bounds, limit, []).map((line) => line.replace(/ \(.*/, '')),
    ['--cache-size 0', '--max-body-memory 8MiB'],
  );
});
