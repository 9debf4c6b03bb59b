/**
 * Finds profile files.
 */

import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { exitCodes, StartError } from '../start-error.js';

/** The profiles that come with the package. */
const SHIPPED = fileURLToPath(new URL('../../models/', import.meta.url));

/**
 * The file of `profile`: a path when it looks like one, otherwise the name of a shipped profile.
 *
 * @throws {StartError} naming the shipped profiles when there is none of that name.
 */
export function locateProfile(profile: string): string {
  const isPath = /[/\\]|\.(?:ya?ml|onnx)$/.test(profile);
  const file = isPath ? profile : join(SHIPPED, `${profile}.yaml`);
  if (existsSync(file)) return file;
  const advice = isPath
    ? 'no such file'
    : `known names are ${shippedProfiles().join(', ')}; a path to a YAML file works too`;
  throw new StartError([`Unknown profile ${profile}: ${advice}.`], exitCodes.usage);
}

/** What a user writes to name the profile in `file`: `challenge`, or the path. */
export function writtenAs(file: string): string {
  const shipped = resolve(dirname(file)) === resolve(SHIPPED);
  return shipped ? basename(file).replace(/\.ya?ml$/, '') : file;
}

export function shippedProfiles(): string[] {
  return readdirSync(SHIPPED)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'));
}
