// Writes a safetensors file of made-up fp32 tensors as a stream: memory stays at one chunk.
//
// Format: eight bytes header length, little endian; a JSON header padded with blanks to a multiple of
// eight; then the tensors one after another, little endian, in the header's order.

import { closeSync, openSync, renameSync, writeSync } from 'node:fs';

import { normal, seedOf } from './normal.mjs';

const CHUNK = 1 << 20; // numbers, 4 MiB
const BYTES = 4;

/** The file's bytes before the first tensor. */
function header(tensors) {
  const entries = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, shape } of tensors) {
    const end = offset + count(shape) * BYTES;
    entries[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = JSON.stringify(entries);
  const text = Buffer.from(json + ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}

/** Writes the file under another name and renames it, so that a file that is there is complete. */
export function writeSafetensors(path, tensors, seed) {
  const file = openSync(`${path}.part`, 'w');
  try {
    writeSync(file, header(tensors));
    const chunk = new Float32Array(CHUNK);
    for (const tensor of tensors) writeTensor(file, tensor, seed, chunk);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.part`, path);
}

function writeTensor(file, { name, shape, deviation, value }, seed, chunk) {
  const fill =
    value === undefined
      ? normal(seedOf(`${seed}/${name}`), deviation)
      : (array) => array.fill(value);
  for (let left = count(shape); left > 0; left -= CHUNK) {
    const numbers = Math.min(left, CHUNK);
    // `normal` makes pairs; one number too many is made and not written.
    fill(chunk, numbers);
    const bytes = new Uint8Array(chunk.buffer, 0, numbers * BYTES);
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
  }
}

function count(shape) {
  return shape.reduce((product, size) => product * size, 1);
}
