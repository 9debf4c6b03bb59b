#!/usr/bin/env node
/**
 * The `chorus` command: finds the subcommand, and turns errors into lines and an exit code.
 */

import { exitCodes, StartError } from '../start-error.js';
import { requireSupportedNode } from './supported-node.js';
import { version } from './version.js';

async function main([name, ...args]: readonly string[]): Promise<void> {
  requireSupportedNode(process.versions.node);
  leaveGoneFolder();
  // Not before: what they import need not exist in an older Node.
  const { commands } = await import('./commands.js');
  const { overview } = await import('./help.js');
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

/** Dependencies ask for the current folder as they are loaded; that of a release may have been replaced. */
function leaveGoneFolder(): void {
  try {
    process.cwd();
  } catch {
    process.chdir('/');
  }
}

// `chorus models | head` ends the reader first, and nobody wants the rest.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : exitCodes.failed);
});

// Who cannot be told what is wrong is not told; the service goes on.
process.stderr.on('error', () => undefined);

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof StartError) {
    for (const line of error.lines) process.stderr.write(`chorus: ${line}\n`);
    process.exit(error.exitCode);
  }
  process.stderr.write(`${error instanceof Error ? String(error.stack) : String(error)}\n`);
  process.exit(exitCodes.failed);
});
