/**
 * Arguments of the small commands; `serve` has its table of settings.
 */

import { exitCodes, StartError } from '../start-error.js';

/** The result of `parseArgs`, its complaints as lines. */
export function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new StartError([(error as Error).message.split('. ')[0] ?? ''], exitCodes.usage);
  }
}

/** The one positional argument. */
export function onlyProfile(positionals: readonly string[]): string {
  const [profile, ...others] = positionals;
  if (profile !== undefined && others.length === 0) return profile;
  throw new StartError(['Give one profile, a name such as challenge or a path.'], exitCodes.usage);
}
