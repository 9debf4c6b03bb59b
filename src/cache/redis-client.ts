/**
 * What all connections have in common: how node-redis is told to behave, and that a client which gives up has a successor.
 *
 * node-redis, not ioredis: it bounds the commands that wait for a server that has stopped (`commandsQueueMaxLength`), comes back
 * at once when a server does, has no queue while it is offline, and is the one of the two that is developed further.
 * Neither mixed up an answer with another's, whatever the server did.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { RESP_TYPES, type RedisClientOptions } from '@redis/client';

import type { RedisConnection } from './redis-connection.js';
import {
  CONNECT_MS,
  MOST_COMMANDS,
  PING_MS,
  RECONNECT_FIRST_MS,
  RECONNECT_LONGEST_MS,
  SILENCE_MS,
} from './redis-limits.js';
import { Trouble } from './redis-trouble.js';
import type { RedisPlace } from './redis-url.js';

/** Values are bytes; keys come as such, too. */
export const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } as const;

/** `isClosed`: whether there is no more need of a connection; a client that is connecting knows of no other way to end. */
export function clientOptions(
  { username, password, database, isEncrypted }: RedisPlace,
  isClosed: () => boolean,
) {
  return {
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    database,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MOST_COMMANDS,
    pingInterval: PING_MS,
    socket: {
      ...(isEncrypted && { tls: true as const }),
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: (tries: number) =>
        !isClosed() &&
        Math.min(RECONNECT_FIRST_MS * 2 ** tries, RECONNECT_LONGEST_MS) * (0.5 + Math.random()),
    },
  } satisfies RedisClientOptions;
}

/** What a client of node-redis does, whichever kind it is. */
interface Client {
  connect(): Promise<unknown>;
  destroy(): unknown;
}

export type Commands = Pick<RedisConnection, 'get' | 'set' | 'ping' | 'removeAll'>;

/**
 * A connection by the client that `create` makes, which notes every error that the client tells: without a listener one
 * would end the process. Clients of clusters and Sentinels give up when nobody is there at first, and cannot be told to
 * begin again: another takes their place.
 */
export function connected<C extends Client>(
  create: (trouble: Trouble, isClosed: () => boolean) => C,
  commands: (client: () => C, trouble: Trouble) => Commands,
): RedisConnection {
  const trouble = new Trouble();
  let isClosed = false;
  let client = create(trouble, () => isClosed);
  const begin = async () => {
    while (!isClosed) {
      try {
        await client.connect();
        return;
      } catch (error) {
        // What it ends with is a summary of what it has told before.
        if (trouble.last === '') trouble.note(error);
      }
      await sleep(RECONNECT_LONGEST_MS, undefined, { ref: false });
      destroyed(client, trouble);
      client = create(trouble, () => isClosed);
    }
  };
  void begin();
  return {
    ...commands(() => client, trouble),
    get lastError() {
      return trouble.last;
    },
    why: (error) => trouble.why(error),
    close() {
      isClosed = true;
      destroyed(client, trouble);
    },
  };
}

/** Ends `client`, which may not have begun. */
export function destroyed(client: Pick<Client, 'destroy'>, trouble: Trouble): void {
  const note = (error: unknown) => {
    trouble.note(error);
  };
  try {
    Promise.resolve(client.destroy()).catch(note);
  } catch (error) {
    note(error);
  }
}
