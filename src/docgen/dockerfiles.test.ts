/**
 * The two Dockerfiles differ where they must and nowhere else, and name the versions of the rest.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parse } from 'yaml';

import { REVISION_VARIABLE } from '../config/load.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Of a stage that runs on the machine that builds, whichever the image is for. */
const HERE = '--platform=$BUILDPLATFORM ';

const readDockerfile = (path: string) => read(path).replaceAll(`FROM ${HERE}`, 'FROM ');

/** The text of each stage by its name, in order. */
function stages(path: string): Map<string, string> {
  const [, ...parts] = readDockerfile(path).split(/^FROM /m);
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
    assert.match(
      readDockerfile(file),
      new RegExp(`^FROM rust:${version}-\\S+ AS pinned-rust$`, 'm'),
    );
  }
});

test('the engine is compiled on the machine that builds, for the one that the image is for', () => {
  for (const file of ['Dockerfile-cpu', 'Dockerfile-gpu']) {
    const here = [...read(file).matchAll(/^FROM --platform=\$BUILDPLATFORM \S+ AS (\S+)$/gm)];
    assert.deepEqual(
      here.map(([, name]) => name),
      ['pinned-rust', 'native'],
    );
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
    const lines = readDockerfile(file).split('\n');
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

test('the models have a layer of their own, which sees nothing of the service', () => {
  for (const image of [cpu, gpu]) {
    const runtime = image.get('runtime') ?? '';
    assert.match(runtime, /^COPY --link --from=models \/layer\/ \/$/m);
    assert.match(runtime, /^COPY --from=checked \/app \/app$/m);
    const models = image.get('models') ?? '';
    assert.match(models, /--mount=type=cache,id=chorus-models,target=\/cache/);
    // What is baked comes out of the cache by the lock, with times that do not change.
    assert.match(models, /node \/baked\.mjs .* "\$hub\/hub" "\/layer\$HF_HOME\/hub"/);
    assert.doesNotMatch(models, /HF_HOME="?\/layer/);
    assert.match(runtime, /^ +HF_HOME=\$\{HF_HOME\} /m);
  }
});

test('what a build leaves out of its context is not asked for', () => {
  const sent = read('.dockerignore');
  for (const file of ['Dockerfile-cpu', 'Dockerfile-gpu']) {
    for (const [, path = ''] of read(file).matchAll(/^COPY (deploy\/\S+) /gm)) {
      assert.ok(sent.includes(`!${path}\n`), path);
    }
  }
});

interface Workflow {
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly needs?: string | readonly string[];
  readonly uses?: string;
  readonly steps?: readonly { readonly uses?: string; readonly run?: string }[];
}

const folder = new URL('../../.github/workflows/', import.meta.url);
const workflows = new Map(
  readdirSync(folder).map((name) => [
    name,
    parse(readFileSync(new URL(name, folder), 'utf8')) as Workflow,
  ]),
);

test('every action of the workflows is pinned by its commit', () => {
  for (const [name, { jobs }] of workflows) {
    const used = Object.values(jobs).flatMap(({ uses, steps = [] }) => [
      ...(uses === undefined ? [] : [uses]),
      ...steps.flatMap((step) => step.uses ?? []),
    ]);
    for (const action of used) assert.match(action, /^\.\/|@[0-9a-f]{40}$/, name);
  }
});

test('nothing is published before all checks, the locks among them, and an image is signed', () => {
  const jobs = workflows.get('release.yml')?.jobs ?? {};
  const before = (name: string): readonly string[] => {
    const needs = [jobs[name]?.needs ?? []].flat();
    return [...needs, ...needs.flatMap(before)];
  };
  for (const name of ['build', 'image', 'chart', 'release']) {
    for (const check of ['version', 'locks', 'ci', 'cluster']) {
      assert.ok(before(name).includes(check), `${name} needs ${check}`);
    }
  }
  const commands = (name: string) =>
    (jobs[name]?.steps ?? []).map(({ run = '' }) => run).join('\n');
  assert.match(commands('locks'), /locks\.mjs --check/);
  assert.match(commands('image'), /cosign sign --yes/);
  assert.ok(before('release').includes('image'));
});

test('an image says of which commit it is, to registries and to the service', () => {
  for (const image of [cpu, gpu]) {
    const runtime = image.get('runtime') ?? '';
    assert.match(runtime, /org\.opencontainers\.image\.revision="\$\{REVISION\}"/);
    assert.match(runtime, new RegExp(`\\b${REVISION_VARIABLE}=\\$\\{REVISION\\}`));
  }
});
