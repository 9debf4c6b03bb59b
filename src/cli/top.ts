/**
 * `chorus top`: what a running service does, in a terminal, from its `/stats`.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { exitCodes, StartError } from '../start-error.js';
import { statsSchema, type Stats } from '../stats/schema.js';
import { adminUrl, DEFAULT_ADMIN_URL, jsonOf } from './admin-url.js';
import type { Command } from './command.js';
import { parsed } from './parsed.js';
import { frameOf } from './top-frame.js';

const EVERY_MS = 1000;
const ANSWER_WITHIN_MS = 5000;

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** Home, not clear: a screen that is cleared first flickers. What is left of longer lines goes line by line. */
const HOME = '\u001b[H';
const END_OF_LINE = '\u001b[K';
const BELOW = '\u001b[J';

export const top: Command = {
  name: 'top',
  usage: '[--url URL]',
  summary: 'Show what a running service does',
  help: () => `Usage: chorus top [--url URL] [--once]

Shows requests, errors, latencies, models and the cache of a running service each second, until Ctrl-C.

  --url URL  Its admin port (default: ${DEFAULT_ADMIN_URL})
  --once     Print that once and end, as where the output is no terminal
`,
  async run(args) {
    const options = {
      url: { type: 'string', default: DEFAULT_ADMIN_URL },
      once: { type: 'boolean' },
    } as const;
    const { values } = parsed(() => parseArgs({ args: [...args], options }));
    const url = adminUrl(values.url);
    if (values.once === true || !process.stdout.isTTY) {
      process.stdout.write(frameOf(await read(url), url));
      return;
    }
    await watch(url);
  },
};

/** Until the process is told to end. A service that stops may come back, so nothing else ends this. */
async function watch(url: string): Promise<void> {
  // The first time a wrong URL is likelier than a service that is about to come.
  let frame = frameOf(await read(url), url);
  process.once('exit', () => process.stdout.write(SHOW_CURSOR));
  process.once('SIGINT', () => process.exit(exitCodes.ok));
  process.once('SIGTERM', () => process.exit(exitCodes.ok));
  process.stdout.write(`${HIDE_CURSOR}${HOME}${BELOW}`);
  for (;;) {
    process.stdout.write(`${HOME}${frame.replaceAll('\n', `${END_OF_LINE}\n`)}${BELOW}`);
    await sleep(EVERY_MS);
    frame = await read(url).then(
      (stats) => frameOf(stats, url),
      (error: unknown) => {
        if (error instanceof StartError) return `${error.lines.join('\n')}\n`;
        throw error;
      },
    );
  }
}

/** @throws {StartError} that says what is there instead. */
async function read(url: string): Promise<Stats> {
  let response: Response;
  let body: string;
  try {
    response = await fetch(`${url}/stats`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    body = await response.text();
  } catch (error) {
    const late = (error as Error).name === 'TimeoutError';
    const what = late ? `has not answered within ${ANSWER_WITHIN_MS / 1000} s` : 'does not answer';
    throw new StartError([
      `${url} ${what}. Is the service up, and is that its admin port (--url)?`,
    ]);
  }
  if (!response.ok) {
    throw new StartError([
      `${url}/stats answers ${response.status}. That is not the admin port of this version (--url).`,
    ]);
  }
  const result = statsSchema.safeParse(jsonOf(body));
  if (result.success) return result.data;
  throw new StartError([`${url}/stats is not what chorus answers; is the version another?`]);
}
