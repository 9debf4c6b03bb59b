/**
 * Secrets of the settings, which may be in files.
 */

import { readFileSync } from 'node:fs';

import { flagOf, type SecretName, type Settings } from '../config/settings.js';
import { exitCodes, StartError } from '../start-error.js';

/**
 * The secret itself; empty where there is none.
 *
 * @throws {StartError} when its file cannot be read, or is empty.
 */
export function secretOf(settings: Settings, name: SecretName): string {
  const file = settings[`${name}File`];
  if (file === '') return settings[name];
  try {
    const secret = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '');
    if (secret === '') throw new Error('it is empty');
    return secret;
  } catch (error) {
    throw new StartError(
      [`${flagOf(`${name}File`)}: cannot read ${file}: ${(error as Error).message}`],
      exitCodes.usage,
    );
  }
}
