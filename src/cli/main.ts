#!/usr/bin/env node
/**
 * The `chorus` command: finds the subcommand, and turns errors into lines and an exit code.
 */

import { exitCodes, StartError } from '../start-error.js';
import { commands } from './commands.js';
import { overview } from './help.js';
import { version } from './version.js';

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview(commands));
    return;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version}\n`);
    return;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    throw new StartError([`Unknown command ${name}; see chorus --help.`], exitCodes.usage);
  }
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(command.help());
    return;
  }
  await command.run(args);
}

// `chorus models | head` ends the reader first, and nobody wants the rest.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : exitCodes.failed);
});

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof StartError) {
    for (const line of error.lines) process.stderr.write(`chorus: ${line}\n`);
    process.exit(error.exitCode);
  }
  process.stderr.write(`${error instanceof Error ? String(error.stack) : String(error)}\n`);
  process.exit(exitCodes.failed);
});
