// Seeded normal numbers at memory speed: 1.2 billion of them make the five checkpoints.
//
// A table of 65,536 samples drawn once by Box-Muller, read at places that a 32-bit xorshift chooses,
// two for each step. That is coarse for statistics and enough for weights whose only job is to cost
// what real ones cost.

const TABLE_BITS = 16;

/** A 32-bit FNV-1a hash: seeds from names. Never 0, which would stop xorshift. */
export function seedOf(name) {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 1;
}

const table = (() => {
  const samples = new Float32Array(1 << TABLE_BITS);
  let state = seedOf('table');
  const uniform = () => {
    state = step(state);
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
  for (let index = 0; index < samples.length; index++) {
    samples[index] = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  return samples;
})();

function step(state) {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}

/** Returns a function that fills the first `count` (even) numbers of an array with the next ones. */
export function normal(seed, deviation) {
  const samples = table.map((sample) => sample * deviation);
  let state = seed;
  return (array, count) => {
    for (let index = 0; index < count; index += 2) {
      state = step(state);
      array[index] = samples[state & 0xffff];
      array[index + 1] = samples[state >>> TABLE_BITS];
    }
  };
}
