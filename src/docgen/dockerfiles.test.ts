/**
 * The two Dockerfiles differ where they must and nowhere else, and name the versions of the rest.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The text of each stage by its name, in order. */
function stages(path: string): Map<string, string> {
  const [, ...parts] = read(path).split(/^FROM /m);
  return new Map(
    parts.map((part) => {
      const [, name] = /^\S+ AS (\w+)\n/.exec(part) ?? [];
      assert.ok(name !== undefined, `a stage without a name: ${part}`);
      // A stage's comment stands before its FROM.
      return [name, part.replace(/(?:^#.*\n)+$/m, '').trim()];
    }),
  );
}

const cpu = stages('Dockerfile-cpu');
const gpu = stages('Dockerfile-gpu');

test('both images have the same stages in the same order', () => {
  assert.deepEqual([...gpu.keys()], [...cpu.keys()]);
  assert.ok(cpu.size >= 5);
});

test('only the device differs: the libraries, and what the service is told', () => {
  for (const [name, text] of cpu) {
    if (name === 'libraries') continue;
    const perDevice = /image\.description=|CHORUS_DEVICE=|LD_LIBRARY_PATH=|NVIDIA_|main\.js check/;
    const common = (lines: string | undefined) =>
      (lines ?? '').split('\n').filter((line) => !perDevice.test(line));
    assert.deepEqual(common(gpu.get(name)), common(text), name);
  }
});

test('the compiler of the images is that of rust-toolchain.toml', () => {
  const [, version = ''] = /channel = "([\d.]+)"/.exec(read('rust-toolchain.toml')) ?? [];
  for (const file of ['Dockerfile-cpu', 'Dockerfile-gpu']) {
    assert.match(read(file), new RegExp(`^ARG RUST_IMAGE=rust:${version}-`, 'm'));
  }
});

test('every base image is pinned by its digest', () => {
  for (const file of ['Dockerfile-cpu', 'Dockerfile-gpu']) {
    const bases = read(file).match(/^ARG \w+_IMAGE=.*$/gm) ?? [];
    assert.ok(bases.length >= 3);
    for (const base of bases) assert.match(base, /:[\w.-]+@sha256:[0-9a-f]{64}$/);
  }
});
