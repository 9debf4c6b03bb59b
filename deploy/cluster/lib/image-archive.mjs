/**
 * Images of programs that this machine has, as archives that containerd imports: no registry, no builder.
 */

import { cpSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { run } from './programs.mjs';

/** Debian's Redis and the little that the chart's pod runs beside it. */
const REDIS_PROGRAMS = [
  '/usr/bin/redis-server',
  '/usr/bin/redis-cli',
  '/bin/sh',
  '/bin/sed',
  '/usr/bin/tr',
];

/** Resolves with the path of an archive of the image `name`: `files` are pairs of a file here and its path there. */
export async function imageArchive(folder, name, { files, entrypoint = [] }) {
  const root = join(folder, 'root');
  mkdirSync(root, { recursive: true });
  for (const [from, to] of files) {
    mkdirSync(join(root, dirname(to)), { recursive: true });
    cpSync(realpathSync(from), join(root, to));
  }
  const layer = join(folder, 'layer.tar');
  await run('tar', ['--create', `--file=${layer}`, `--directory=${root}`, '.']);
  const { stdout } = await run('sha256sum', [layer]);
  const config = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Entrypoint: entrypoint, Env: ['PATH=/usr/bin:/bin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${stdout.split(' ')[0]}`] },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(folder, 'image.tar');
  const parts = ['manifest.json', 'config.json', 'layer.tar'];
  await run('tar', ['--create', `--file=${archive}`, `--directory=${folder}`, ...parts]);
  return archive;
}

/** A stand-in for the official image: it proves the chart's lines, not what is in that image. */
export function redisImage(folder, name) {
  return programsImage(folder, name, REDIS_PROGRAMS);
}

/** Another, of Weaviate's server where its image has it. */
export async function weaviateImage(folder, name, server) {
  return programsImage(folder, name, [], {
    files: [[server, '/bin/weaviate']],
    entrypoint: ['/bin/weaviate'],
  });
}

/** Programs where they are here, with the libraries that they and `files` need. */
async function programsImage(folder, name, programs, { files = [], entrypoint } = {}) {
  const { stdout } = await run('ldd', [...programs, ...files.map(([here]) => here)]);
  const libraries = new Set(stdout.match(/\/\S+(?= \(0x)/g));
  const same = [...programs, ...libraries].map((path) => [path, path]);
  return imageArchive(folder, name, { files: [...same, ...files], entrypoint });
}
