/**
 * `chorus keys`: makes keys for clients, and looks at the file that has their hashes.
 */

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { flagOf } from '../config/settings.js';
import { keyringOf } from '../keys/key-file.js';
import { KEY_NAME, KEY_NAME_EXPECTED } from '../keys/keyring.js';
import { newKey } from '../keys/new-key.js';
import { exitCodes, StartError } from '../start-error.js';
import type { Command } from './command.js';
import { parsed } from './parsed.js';

export const keys: Command = {
  name: 'keys',
  usage: 'new|check',
  summary: 'Make a key for a client, or look at a file of keys',
  help: () => `Usage: chorus keys new NAME [--file FILE]
       chorus keys check FILE

new prints a key, which is for the client and stored nowhere, and the line of its hash, which is for the file of
${flagOf('apiKeysFile')}. With --file it adds that line to the file and prints the key alone.
check says whose keys a file has, and fails where the service would refuse it.
`,
  run([what, ...args]) {
    if (what === 'new') make(args);
    else if (what === 'check') check(args);
    else throw new StartError(['Give what to do: new or check.'], exitCodes.usage);
    return Promise.resolve();
  },
};

const options = { file: { type: 'string' } } as const;

function make(args: readonly string[]): void {
  const { values, positionals } = parsed(() =>
    parseArgs({ args: [...args], allowPositionals: true, options }),
  );
  const [name = '', ...others] = positionals;
  if (!KEY_NAME.test(name) || others.length > 0) {
    throw new StartError([`Give one name: ${KEY_NAME_EXPECTED}.`], exitCodes.usage);
  }
  const { key, line } = newKey(name);
  if (values.file === undefined) {
    process.stdout.write(`key   ${key}\nline  ${line}\n`);
    return;
  }
  add(values.file, line);
  process.stdout.write(`${key}\n`);
}

/** Makes the file where there is none, for nobody else to read. */
function add(file: string, line: string): void {
  try {
    const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const end = before === '' || before.endsWith('\n') ? '' : '\n';
    appendFileSync(file, `${end}${line}\n`, { mode: 0o600 });
  } catch (error) {
    throw new StartError([`Cannot write ${file}: ${(error as Error).message}`]);
  }
}

function check(args: readonly string[]): void {
  const { positionals } = parsed(() => parseArgs({ args: [...args], allowPositionals: true }));
  const [file, ...others] = positionals;
  if (file === undefined || others.length > 0) {
    throw new StartError(['Give one file of keys.'], exitCodes.usage);
  }
  process.stdout.write(`${keyringOf(file, textOf(file)).names.join('\n')}\n`);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError([`Cannot read ${file}: ${(error as Error).message}`], exitCodes.usage);
  }
}
