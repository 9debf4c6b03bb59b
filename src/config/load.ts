/**
 * Settings from flags, environment and defaults, in that order of precedence.
 *
 * Everything wrong is reported at once, each with the setting's name, what was given and what would
 * be right. An unknown `CHORUS_*` variable is a warning only: another tool may own it.
 */

import { parseArgs } from 'node:util';

import {
  inexactOn,
  processors,
  processorsOf,
  type Precision,
  type Processor,
} from '../precisions.js';
import { exitCodes, StartError } from '../start-error.js';
import { nearest } from './nearest.js';
import {
  envOf,
  flagNames,
  flagOf,
  secretNames,
  settingNames,
  settings,
  type SecretName,
  type SettingName,
  type Settings,
} from './settings.js';

export interface LoadedSettings {
  readonly settings: Settings;
  readonly warnings: readonly string[];
}

/** No setting: an image says by it which commit it was built of. */
export const REVISION_VARIABLE = 'CHORUS_REVISION';

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {StartError} listing every fault. */
export function loadSettings(args: readonly string[], environment: Environment): LoadedSettings {
  const { given, faults } = readFlags(args);
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of settingNames) {
    const { kind, default: fallback } = settings[name];
    // Out of a file, such as a secret's, it often has a line break at its end.
    const fromEnvironment = (environment[envOf(name)] ?? '').replace(/[\r\n]+$/, '');
    const flag = given.get(name);
    const written = flag ?? (fromEnvironment === '' ? fallback : fromEnvironment);
    const result = kind.schema.safeParse(written);
    if (result.success) {
      values[name] = result.data;
    } else {
      const source = flag === undefined ? envOf(name) : flagOf(name);
      const found = kind.isSecret ? 'wrong' : `"${written}"`;
      faults.push(`${source} is ${found}; it must be ${kind.expects}.`);
    }
  }
  const loaded = values as Settings;
  if (faults.length === 0) faults.push(...contradictions(loaded));
  if (faults.length > 0) throw new StartError(faults, exitCodes.usage);
  return { settings: loaded, warnings: unknownVariables(environment) };
}

/** What `args` have besides flags and their values. */
export function wordsOf(args: readonly string[]): string[] {
  return tokensOf(args).tokens.flatMap((token) =>
    token.kind === 'positional' ? [token.value] : [],
  );
}

interface Flags {
  readonly given: ReadonlyMap<SettingName, string>;
  readonly faults: string[];
}

/** `parseArgs` in its strict mode would stop at the first fault. */
function tokensOf(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      flagNames.map((name) => [flagOf(name).slice(2), { type: typeOf(name) }]),
    ),
  });
}

/** The flags as written. */
function readFlags(args: readonly string[]): Flags {
  const nameOf = new Map(flagNames.map((name) => [flagOf(name), name]));
  const { tokens } = tokensOf(args);
  const given = new Map<SettingName, string>();
  const faults: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'option') {
      const name = nameOf.get(token.rawName);
      const value = token.value ?? (name && settings[name].kind.bare);
      if (name === undefined) faults.push(unknown('option', token.rawName, [...nameOf.keys()]));
      else if (value === undefined || (!token.inlineValue && value.startsWith('--'))) {
        faults.push(`${token.rawName} needs a value: it must be ${settings[name].kind.expects}.`);
      } else given.set(name, value);
    } else if (token.kind === 'positional') {
      if (given.has('profile')) faults.push(`"${token.value}" is a second profile; give one.`);
      else given.set('profile', token.value);
    }
  }
  return { given, faults };
}

function typeOf(name: SettingName): 'boolean' | 'string' {
  return settings[name].kind.bare === undefined ? 'string' : 'boolean';
}

/** What is wrong with values that are right one by one. */
function contradictions(values: Settings): string[] {
  const { device, drainDelay, headersTimeout, precision, requestTimeout, shutdownTimeout } = values;
  const [header, whole] = [flagOf('headersTimeout'), flagOf('requestTimeout')];
  const faults: (string | false)[] = [
    requestTimeout > 0 &&
      headersTimeout > requestTimeout &&
      `${header} must not exceed ${whole}: a header is part of its request.`,
    values.maxBodyMemory < values.maxBodySize &&
      `${flagOf('maxBodyMemory')} must not be less than ${flagOf('maxBodySize')}: it holds one body at least.`,
    drainDelay >= shutdownTimeout &&
      drainDelay > 0 &&
      `${flagOf('drainDelay')} must be shorter than ${flagOf('shutdownTimeout')}: it is part of it.`,
    device !== 'auto' && misplaced(precision, device),
    (values.tlsCertFile === '') !== (values.tlsKeyFile === '') &&
      `${flagOf('tlsCertFile')} and ${flagOf('tlsKeyFile')} need each other.`,
    values.tlsCaFile !== '' &&
      values.tlsCertFile === '' &&
      `${flagOf('tlsCaFile')} needs ${flagOf('tlsCertFile')}.`,
    ...secretNames.map((name) => twice(name, values)),
    values.cacheRedisRequired &&
      values.cacheRedisUrl === '' &&
      `${flagOf('cacheRedisRequired')} needs ${flagOf('cacheRedisUrl')}.`,
  ];
  return faults.filter((fault) => fault !== false);
}

/** That a secret is given both itself and in a file, if it is. */
function twice(name: SecretName, values: Settings): string | false {
  const file = `${name}File` as const;
  return (
    values[name] !== '' &&
    values[file] !== '' &&
    `${envOf(name)} and ${flagOf(file)} are both given; give one.`
  );
}

/** That `processor` does not compute `precision`, if it does not. */
function misplaced(precision: Precision, processor: Processor): string | false {
  const able = processorsOf(precision);
  if (able.includes(processor)) return false;
  const written = `${flagOf('precision')} ${precision} needs ${flagOf('device')} ${alternatives(able)}`;
  const taken = alternatives(['exact', ...inexactOn(processor)]);
  return `${written}; a ${processors[processor]} takes ${taken}.`;
}

/** `a`, `a or b`, `a, b or c`. */
function alternatives(names: readonly string[]): string {
  return names.join(', ').replace(/, (?=[^,]*$)/, ' or ');
}

function unknownVariables(environment: Environment): string[] {
  const known = [...settingNames.map(envOf), REVISION_VARIABLE];
  return Object.keys(environment)
    .filter((variable) => variable.startsWith('CHORUS_') && !known.includes(variable))
    .map((variable) => unknown('variable', variable, known));
}

function unknown(kind: string, given: string, known: readonly string[]): string {
  const guess = nearest(given, known);
  return `Unknown ${kind} ${given}${guess === undefined ? '' : `; did you mean ${guess}?`}`;
}
