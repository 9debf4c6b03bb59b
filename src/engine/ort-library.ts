/**
 * Where the ONNX Runtime library is.
 *
 * The npm package onnxruntime-node carries it for every platform; it is used as a container only and
 * never imported, and none of its scripts runs.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { StartError } from '../start-error.js';

const FILE_NAMES: Readonly<Record<string, string>> = {
  darwin: 'libonnxruntime.1.dylib',
  linux: 'libonnxruntime.so.1',
};

/**
 * The path of the library: `configured` unless it is empty.
 *
 * @throws {StartError} when there is no such file, or no library for this platform.
 */
export function locateOrtLibrary(configured: string): string {
  const library = configured === '' ? packagedLibrary() : configured;
  if (existsSync(library)) return library;
  throw new StartError([
    `There is no ONNX Runtime library at ${library}; ` +
      'name one with --ort-library (CHORUS_ORT_LIBRARY), or run npm ci.',
  ]);
}

function packagedLibrary(): string {
  const { platform, arch } = process;
  const fileName = FILE_NAMES[platform];
  if (fileName === undefined) {
    throw new StartError([
      `No ONNX Runtime library comes for ${platform}; name one with --ort-library.`,
    ]);
  }
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve('onnxruntime-node/package.json'));
  return join(folder, 'bin', 'napi-v6', platform, arch, fileName);
}
