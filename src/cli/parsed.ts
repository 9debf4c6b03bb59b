/**
 * Arguments of the small commands; `serve` has its table of settings.
 */

import { flagOf, type SettingName } from '../config/settings.js';
import { exitCodes, StartError } from '../start-error.js';

/** The result of `parseArgs`, its complaints as lines. */
export function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new StartError([(error as Error).message.split('. ')[0] ?? ''], exitCodes.usage);
  }
}

/** Settings of `serve` that another command takes too, and passes on. */
export class PassedOn {
  /** Their flags, without dashes. */
  readonly flags: readonly string[];

  constructor(names: readonly SettingName[]) {
    this.flags = names.map((name) => flagOf(name).slice(2));
  }

  /** As `parseArgs` takes them. */
  get options(): Record<string, { readonly type: 'string' }> {
    return Object.fromEntries(this.flags.map((flag) => [flag, { type: 'string' as const }]));
  }

  /** Those of the parsed `values`, as `loadSettings` takes them. */
  given(values: Readonly<Record<string, unknown>>): readonly string[] {
    return this.flags
      .filter((flag) => values[flag] !== undefined)
      .map((flag) => `--${flag}=${String(values[flag])}`);
  }

  /** For a help text. */
  toString(): string {
    return this.flags.map((flag) => `--${flag}`).join(', ');
  }
}

/** The one positional argument. */
export function onlyProfile(positionals: readonly string[]): string {
  const [profile, ...others] = positionals;
  if (profile !== undefined && others.length === 0) return profile;
  throw new StartError(['Give one profile, a name such as challenge or a path.'], exitCodes.usage);
}
