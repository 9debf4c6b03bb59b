/**
 * `chorus reload`: a running service reads its profile again, or serves another.
 */

import { parseArgs } from 'node:util';

import { precisions } from '../precisions.js';
import { exitCodes, StartError } from '../start-error.js';
import { adminUrl, DEFAULT_ADMIN_URL, jsonOf } from './admin-url.js';
import type { Command } from './command.js';
import { parsed } from './parsed.js';

export const reload: Command = {
  name: 'reload',
  usage: '[profile]',
  summary: 'Let a running service read its profile again, or serve another',
  help: () => `Usage: chorus reload [profile] [--precision ${precisions.join('|')}] [--url URL]

The service loads what is new beside what it serves, tries it on the profile's golden texts, and then answers with it.
Requests that have begun end as they began. Whatever fails, the service goes on as it was.
Another profile or precision needs a service that was started with --reload-other.

  --url URL   The service's admin port (default: ${DEFAULT_ADMIN_URL})
`,
  run,
};

const options = {
  precision: { type: 'string' },
  url: { type: 'string', default: DEFAULT_ADMIN_URL },
} as const;

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parsed(() =>
    parseArgs({ args: [...args], allowPositionals: true, options }),
  );
  if (positionals.length > 1) throw new StartError(['Give one profile.'], exitCodes.usage);
  const query = new URLSearchParams();
  if (positionals[0] !== undefined) query.set('profile', positionals[0]);
  if (values.precision !== undefined) query.set('precision', values.precision);
  const url = adminUrl(values.url);
  const asked = `${url}/reload?${query.toString()}`;
  const response = await fetch(asked, { method: 'POST' }).catch((error: unknown) => {
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message || String(cause) : message;
    throw new StartError([`Nothing answers at ${url}: ${why}`]);
  });
  const body = jsonOf(await response.text()) as { readonly detail?: string } | undefined;
  if (!response.ok || body === undefined)
    throw new StartError([body?.detail ?? `The service answered ${response.status}.`]);
  process.stdout.write(`${JSON.stringify(body)}\n`);
}
