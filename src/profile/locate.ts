/**
 * Finds profile files and checks that the folders they speak of are there.
 */

import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { exitCodes, StartError } from '../start-error.js';
import type { Profile } from './schema.js';

/** The profiles that come with the package. */
const SHIPPED = fileURLToPath(new URL('../../models/', import.meta.url));

/**
 * The file of `profile`: a path when it looks like one, otherwise the name of a shipped profile.
 *
 * @throws {StartError} naming the shipped profiles when there is none of that name.
 */
export function locateProfile(profile: string): string {
  const isPath = /[/\\]|\.ya?ml$/.test(profile);
  const file = isPath ? profile : join(SHIPPED, `${profile}.yaml`);
  if (existsSync(file)) return file;
  const advice = isPath
    ? 'no such file'
    : `known names are ${shippedProfiles().join(', ')}; a path to a YAML file works too`;
  throw new StartError([`Unknown profile ${profile}: ${advice}.`], exitCodes.usage);
}

function shippedProfiles(): string[] {
  return readdirSync(SHIPPED)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'));
}

/** @throws {StartError} with one line for each model whose folder is missing. */
export function requireModelFolders(profile: Profile): void {
  const missing = profile.models.filter(({ folder }) => !existsSync(folder));
  if (missing.length === 0) return;
  throw new StartError(
    missing.map(
      ({ name, folder }) =>
        `Model ${name} of profile ${profile.name} is not in ${folder}; ` +
        `put it there, or point --models-dir (CHORUS_MODELS_DIR) at the folder that holds ${name}/.`,
    ),
  );
}
