/**
 * The two Dockerfiles differ where they must and nowhere else, and name the versions of the rest.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { REVISION_VARIABLE } from '../config/load.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The text of each stage by its name, in order. */
function stages(path: string): Map<string, string> {
  const [, ...parts] = read(path).split(/^FROM /m);
  return new Map(
    parts.map((part) => {
      const [, name] = /^\S+ AS ([\w-]+)\n/.exec(part) ?? [];
      assert.ok(name !== undefined, `a stage without a name: ${part}`);
      // A stage's comment stands before its FROM.
      return [name, part.replace(/(?:^#.*\n)+$/m, '').trim()];
    }),
  );
}

const isPin = (name: string) => name.startsWith('pinned-');

const cpu = stages('Dockerfile-cpu');
const gpu = stages('Dockerfile-gpu');

test('both images have the same stages in the same order', () => {
  const own = (all: Map<string, string>) => [...all.keys()].filter((name) => !isPin(name));
  assert.deepEqual(own(gpu), own(cpu));
  assert.ok(own(cpu).length >= 5);
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
    assert.match(read(file), new RegExp(`^FROM rust:${version}-\\S+ AS pinned-rust$`, 'm'));
  }
});

test('every base image is pinned by its digest', () => {
  for (const image of [cpu, gpu]) {
    const pins = [...image].filter(([name]) => isPin(name));
    assert.ok(pins.length >= 3);
    for (const [, pin] of pins) assert.match(pin, /^\S+:[\w.-]+@sha256:[0-9a-f]{64} AS /);
  }
});

test('Node has no known request smuggling in its HTTP parser', () => {
  for (const image of [cpu, gpu]) {
    const [, minor, patch] = /^node:24\.(\d+)\.(\d+)-/.exec(image.get('pinned-node') ?? '') ?? [];
    // The first of 24 that refuses more header fields than it shows (CVE-2026-58044).
    assert.ok(Number(minor) > 18 || (Number(minor) === 18 && Number(patch) >= 1));
  }
});

/** What Dependabot takes for a base image: a line with an image's name and its tag. */
const SEEN = /^FROM (?<image>[a-z\d]+(?:[._/-][a-z\d]+)*):(?<tag>[\w.-]+)/;

test('Dependabot sees every base image, and a build argument replaces each', () => {
  const config = read('.github/dependabot.yml');
  for (const [file, folder] of [
    ['Dockerfile-cpu', '/'],
    ['Dockerfile-gpu', '/'],
    ['autotests/app/Dockerfile', '/autotests/app'],
  ] as const) {
    const [, folders = ''] = /ecosystem: docker\n +directories: \[(.*)\]/.exec(config) ?? [];
    assert.ok(folders.split(', ').includes(folder));
    const lines = read(file).split('\n');
    const names = new Set(lines.flatMap((line) => / AS (\S+)$/.exec(line)?.[1] ?? []));
    const replaced = lines.flatMap((line) => /^ARG (\w+)_IMAGE=/.exec(line)?.[1] ?? []);
    assert.ok(replaced.length > 0);
    for (const argument of replaced) {
      const pin = `pinned-${argument.toLowerCase()}`;
      assert.ok(lines.includes(`ARG ${argument}_IMAGE=${pin}`), argument);
      assert.ok(
        lines.some((line) => SEEN.test(line) && line.endsWith(` AS ${pin}`)),
        pin,
      );
      assert.ok(lines.some((line) => line.startsWith(`FROM \${${argument}_IMAGE}`)));
    }
    for (const line of lines.filter((line) => line.startsWith('FROM '))) {
      const [, base = ''] = line.split(' ');
      const isKnown = names.has(base) || replaced.some((name) => base === `\${${name}_IMAGE}`);
      assert.ok(isKnown || SEEN.test(line), line);
    }
  }
});

test('an image says of which commit it is, to registries and to the service', () => {
  for (const image of [cpu, gpu]) {
    const runtime = image.get('runtime') ?? '';
    assert.match(runtime, /org\.opencontainers\.image\.revision="\$\{REVISION\}"/);
    assert.match(runtime, new RegExp(`\\b${REVISION_VARIABLE}=\\$\\{REVISION\\}`));
  }
});
