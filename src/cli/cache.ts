/**
 * `chorus cache`: whether Redis is there, and what a profile has kept in it.
 */

import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { keysOf } from '../cache/packed.js';
import { nameOf, type RedisPlace } from '../cache/redis-url.js';
import { duration } from '../config/kinds.js';
import { loadSettings, wordsOf } from '../config/load.js';
import { flagOf } from '../config/settings.js';
import { tellWhatIsPrinted } from '../log/printed.js';
import { exitCodes, StartError } from '../start-error.js';
import { answersWithin, connectTo, redisPlaceOf } from './cache-tiers.js';
import type { Command } from './command.js';
import { servedBy } from './served.js';

const DEFAULT_WAIT = '60s';
const TRY_AGAIN_MS = 500;
const CONNECTED_WITHIN_MS = 5000;

export const cache: Command = {
  name: 'cache',
  usage: 'flush|ping',
  summary: 'Remove what a profile has kept in Redis, or wait for Redis',
  help: () => `Usage: chorus cache flush [profile] [options]
       chorus cache ping [--dns] [--wait DURATION] [options]

flush removes the answers that the profile has kept in Redis, and nothing else. What a running service has in its
own memory stays there.
ping waits until Redis answers; with --dns, until its name is known. It gives up after ${DEFAULT_WAIT}, or --wait.
Where nodes of a cluster do not answer, flush removes what the others have, names them and fails; ping is content with one
that answers, and names them, too.

Options, as of chorus serve: ${flagOf('cacheRedisUrl')}, ${flagOf('cacheRedisPasswordFile')}, ${flagOf('cacheRedisPrefix')}.
`,
  async run([what, ...args]) {
    tellWhatIsPrinted((line) => process.stderr.write(`${line}\n`));
    if (what === 'flush') return flush(args);
    if (what === 'ping') return ping(args);
    throw new StartError(['Give what to do: flush or ping.'], exitCodes.usage);
  },
};

async function flush(args: readonly string[]): Promise<void> {
  const { settings } = loadSettings(args, process.env);
  const { profile } = servedBy(settings);
  const place = requirePlace(redisPlaceOf(settings));
  const connection = await connectTo(place);
  try {
    await answersWithin(connection, CONNECTED_WITHIN_MS);
    const removed = await connection.removeAll(keysOf(settings.cacheRedisPrefix, profile.name));
    process.stdout.write(`${removed} answers of ${profile.name} removed from ${nameOf(place)}\n`);
  } catch (error) {
    throw failureOf(place, error);
  } finally {
    connection.close();
  }
}

async function ping(args: readonly string[]): Promise<void> {
  const { dns, wait, others } = ownFlags(args);
  const { settings } = loadSettings(others, process.env);
  const waited = duration.schema.safeParse(wait);
  const [word] = wordsOf(others);
  const faults = [
    word !== undefined &&
      `${JSON.stringify(word)} is nothing that ping reads; it asks Redis, whatever the profile.`,
    typeof dns === 'string' && '--dns takes no value.',
    !waited.success && `--wait must be ${duration.expects}.`,
  ].filter((fault) => fault !== false);
  if (faults.length > 0 || !waited.success) throw new StartError(faults, exitCodes.usage);
  const place = requirePlace(redisPlaceOf(settings));
  if (dns === true) await known(place, waited.data);
  else await answered(place, waited.data);
}

/** The flags of ping itself, as they are written, and `others`, which are those of the settings. */
function ownFlags(args: readonly string[]) {
  const { values, tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: { dns: { type: 'boolean' }, wait: { type: 'string' } },
  });
  const own = tokens.flatMap((token) =>
    token.kind === 'option' && ['dns', 'wait'].includes(token.name)
      ? [token.index, ...(token.value !== undefined && !token.inlineValue ? [token.index + 1] : [])]
      : [],
  );
  const { dns = false, wait = DEFAULT_WAIT } = values;
  return { dns, wait, others: args.filter((_, at) => !own.includes(at)) };
}

async function known({ nodes }: RedisPlace, waitMs: number): Promise<void> {
  for (const { host } of nodes) {
    const { address } = await retried(waitMs, () => lookup(host));
    process.stdout.write(`${host} is ${address}\n`);
  }
}

async function answered(place: RedisPlace, waitMs: number): Promise<void> {
  const connection = await connectTo(place);
  let said = '';
  const told = (reason: string) => {
    if (reason !== said) process.stderr.write(`Redis at ${nameOf(place)}: ${reason}\n`);
    said = reason;
  };
  try {
    const gone = await answersWithin(connection, waitMs, told);
    const but = gone.length === 0 ? '' : `, but for ${gone.join('; ')}`;
    process.stdout.write(`Redis at ${nameOf(place)} answers${but}\n`);
  } catch (error) {
    throw failureOf(place, error);
  } finally {
    connection.close();
  }
}

function failureOf(place: RedisPlace, error: unknown): StartError {
  return new StartError([`Redis at ${nameOf(place)}: ${(error as Error).message}`]);
}

/** What `attempt` gives, tried again until `waitMs` are over; a line tells of each failure. */
async function retried<T>(waitMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const { message } = error as Error;
      if (performance.now() > deadline) throw new StartError([message]);
      process.stderr.write(`${message}\n`);
      await sleep(TRY_AGAIN_MS);
    }
  }
}

function requirePlace(place: RedisPlace | undefined): RedisPlace {
  if (place !== undefined) return place;
  throw new StartError([`Give ${flagOf('cacheRedisUrl')}.`], exitCodes.usage);
}
