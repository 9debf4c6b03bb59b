/**
 * The texts of `--help`, made from the tables of commands and settings.
 */

import { envOf, flagOf, isOnlyInEnvironment, settingNames, settings } from '../config/settings.js';
import type { Command } from './command.js';

export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name, usage }) => `${name} ${usage}`.length)) + 2;
  const lines = commands.map(
    ({ name, usage, summary }) => `  ${`${name} ${usage}`.padEnd(width)}${summary}`,
  );
  return [
    'chorus: one text in, the answers of many models out',
    '',
    'Usage: chorus <command> [options]',
    '',
    ...lines,
    '',
    'chorus <command> --help lists its options; chorus --version prints the version.',
    '',
  ].join('\n');
}

export function serveHelp(): string {
  return [
    'Usage: chorus serve [profile] [options]',
    '',
    'profile is the name of a shipped profile or the path of a YAML file.',
    'Each option can be given as a flag or in the environment; the flag wins.',
    '',
    ...settingNames.map(settingHelp),
    'Exit codes: 0 stopped as asked, 1 could not start or not stop in time, 2 wrong options,',
    '            settings or profile, 130 and 143 stopped by a second SIGINT or SIGTERM.',
    '',
  ].join('\n');
}

function settingHelp(name: (typeof settingNames)[number]): string {
  const { kind, default: fallback, help } = settings[name];
  const value = fallback === '' ? '' : ` (default: ${fallback})`;
  const names = isOnlyInEnvironment(name) ? envOf(name) : `${flagOf(name)}, ${envOf(name)}`;
  return `  ${names}${value}\n      ${help}.\n      Takes ${kind.expects}.\n`;
}
