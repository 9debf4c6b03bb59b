/**
 * `chorus reload`: a running service reads its profile again, or serves another.
 */

import { parseArgs } from 'node:util';

import { settings } from '../config/settings.js';
import { precisions } from '../precisions.js';
import { exitCodes, StartError } from '../start-error.js';
import type { Command } from './command.js';

const DEFAULT_URL = `http://127.0.0.1:${settings.adminPort.default}`;

export const reload: Command = {
  name: 'reload',
  usage: '[profile]',
  summary: 'Let a running service read its profile again, or serve another',
  help: () => `Usage: chorus reload [profile] [--precision ${precisions.join('|')}] [--url URL]

The service loads what is new beside what it serves, tries it on the profile's golden texts, and then answers with it.
Requests that have begun end as they began. Whatever fails, the service goes on as it was.
Another profile or precision needs a service that was started with --reload-other.

  --url URL   The service's admin port (default: ${DEFAULT_URL})
`,
  run,
};

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parsed(args);
  if (positionals.length > 1) throw new StartError(['Give one profile.'], exitCodes.usage);
  const query = new URLSearchParams();
  if (positionals[0] !== undefined) query.set('profile', positionals[0]);
  if (values.precision !== undefined) query.set('precision', values.precision);
  const url = new URL(`/reload?${query.toString()}`, values.url);
  const response = await fetch(url, { method: 'POST' }).catch((error: unknown) => {
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message || String(cause) : message;
    throw new StartError([`Nothing answers at ${url.origin}: ${why}`]);
  });
  const body = (await response.json()) as { detail?: string; generation?: number };
  if (!response.ok)
    throw new StartError([body.detail ?? `The service answered ${response.status}.`]);
  process.stdout.write(`${JSON.stringify(body)}\n`);
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        precision: { type: 'string' },
        url: { type: 'string', default: DEFAULT_URL },
      },
    });
  } catch (error) {
    throw new StartError([(error as Error).message], exitCodes.usage);
  }
}
