import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ModelInfo } from '../engine/engine.js';
import { fakeEngine } from '../testing/fake-engine.js';
import type { Kept } from './kept.js';
import { keysOf, Packing } from './packed.js';

const [model = assert.fail(), other = assert.fail()] = fakeEngine().models;
const encoder: ModelInfo = { ...model, task: 'embedding', labels: [], digest: 'e' };

function scores(...numbers: readonly number[]): Kept {
  const output = {
    type: 'classification',
    labels: model.labels,
    scores: Float32Array.from(numbers),
  };
  return { output: output as Kept['output'], truncated: true };
}

const packing = new Packing(keysOf('chorus', 'own'), 'secret');

test('a value comes back as it was, to the bit', () => {
  const key = packing.key(model, 'a text');
  const kept = scores(0.1, 1e-30, 0.9);
  assert.deepEqual(packing.unpack(key, model, packing.pack(key, model, kept)), kept);
  const vector: Kept = {
    output: { type: 'embedding', vector: Float32Array.of(-1, 0, 3.5) },
    truncated: false,
  };
  const place = packing.key(encoder, 'a text');
  assert.deepEqual(packing.unpack(place, encoder, packing.pack(place, encoder, vector)), vector);
});

test('neither key nor value shows a text or a label', () => {
  const key = packing.key(model, 'a text');
  assert.match(key, /^chorus:own:[\w-]{43}$/);
  const packed = packing.pack(key, model, scores(0.1, 0.2, 0.7));
  assert.equal(packed.length, 2 + 3 * 4 + 8);
  for (const word of ['text', ...model.labels]) assert.ok(!packed.includes(word));
});

test('another text, model or secret is another key', () => {
  const keys = [
    packing.key(model, 'a text'),
    packing.key(model, 'a text '),
    packing.key(other, 'a text'),
    packing.key({ ...model, digest: 'x' }, 'a text'),
    new Packing(keysOf('chorus', 'own'), 'another').key(model, 'a text'),
    new Packing(keysOf('chorus', 'own'), '').key(model, 'a text'),
    new Packing(keysOf('chorus', 'other'), 'secret').key(model, 'a text'),
  ];
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(packing.key({ ...model, name: 'renamed' }, 'a text'), keys[0]);
});

test('what was not packed for this key is no value', () => {
  const key = packing.key(model, 'a text');
  const packed = packing.pack(key, model, scores(0.1, 0.2, 0.7));
  for (let length = 0; length < packed.length; length += 1) {
    assert.equal(packing.unpack(key, model, packed.subarray(0, length)), undefined, `${length}`);
  }
  for (let bit = 0; bit < packed.length * 8; bit += 1) {
    const flipped = Buffer.from(packed);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(packing.unpack(key, model, flipped), undefined, `${bit}`);
  }
  const longer = Buffer.concat([packed, Buffer.alloc(4)]);
  for (const foreign of [longer, Buffer.from('hello'), Buffer.from('{"predictions":[]}')]) {
    assert.equal(packing.unpack(key, model, foreign), undefined);
  }
  assert.equal(packing.unpack(packing.key(model, 'another'), model, packed), undefined);
  const forged = new Packing(keysOf('chorus', 'own'), 'guessed').pack(key, model, scores(1, 0, 0));
  assert.equal(packing.unpack(key, model, forged), undefined);
});
