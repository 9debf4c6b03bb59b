/**
 * A connection to Redis that is there or not, and never waits to become so.
 *
 * node-redis, not ioredis: it bounds the commands that wait for a server that has stopped (`commandsQueueMaxLength`), comes back
 * at once when a server does, has no queue while it is offline, and is the one of the two that is developed further.
 * Neither mixed up an answer with another's, whatever the server did.
 */

import {
  createClient,
  createCluster,
  createSentinel,
  RESP_TYPES,
  type RedisClientOptions,
} from '@redis/client';

import type { RedisPlace } from './redis-url.js';

export interface Value {
  readonly key: string;
  readonly bytes: Buffer;
  readonly ttlMs: number;
}

/** Every promise may be late or never come: who waits has a limit of their own. */
export interface RedisConnection {
  /** The values of `keys`, in their order. */
  get(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;
  set(values: readonly Value[]): Promise<void>;
  /** Resolves once the server has answered. */
  ping(): Promise<unknown>;
  /** Removes the keys that begin so; resolves with how many there were. */
  removeAll(beginning: string): Promise<number>;
  /** What went wrong last. */
  readonly lastError: string;
  close(): void;
}

/** A server that is gone without a word is noticed after this time. */
const SILENCE_MS = 5000;
const PING_MS = 1000;
const CONNECT_MS = 2000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_LONGEST_MS = 1000;
/** Commands that wait for the server to answer. */
const MOST_COMMANDS = 10_000;
/** Keys that a scan is asked for at a time. */
const SCANNED = 1000;

/** Values are bytes; keys come as such, too. */
const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } as const;

/** Begins to connect, and goes on trying until it is closed. */
export function connect(place: RedisPlace): RedisConnection {
  return { server, sentinel, cluster }[place.kind](place);
}

function clientOptions({ username, password, database, isEncrypted }: RedisPlace) {
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
        Math.min(RECONNECT_FIRST_MS * 2 ** tries, RECONNECT_LONGEST_MS) * (0.5 + Math.random()),
    },
  } satisfies RedisClientOptions;
}

/** What a client of node-redis does, whichever kind it is. */
interface Client {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  set(key: string, bytes: Buffer, options: SetOptions): Promise<unknown>;
  destroy(): unknown;
}

interface SetOptions {
  readonly expiration: { readonly type: 'PX'; readonly value: number };
}

type Others = Pick<RedisConnection, 'get' | 'ping' | 'removeAll'>;

function connected(client: Client, others: Others): RedisConnection {
  let lastError = '';
  const note = (error: unknown) => {
    lastError = (error as Error).message || String(error);
  };
  // Without a listener an error would end the process.
  client.on('error', note);
  client.connect().catch(note);
  return {
    ...others,
    async set(values) {
      // Commands of one turn of the event loop leave together.
      await all(
        values.map(({ key, bytes, ttlMs }) =>
          client.set(key, bytes, { expiration: { type: 'PX', value: ttlMs } }),
        ),
      );
    },
    get lastError() {
      return lastError;
    },
    close() {
      Promise.resolve(client.destroy()).catch(note);
    },
  };
}

function server(place: RedisPlace): RedisConnection {
  const options = clientOptions(place);
  const [node] = place.nodes;
  const socket = { ...options.socket, ...node };
  const client = createClient({ ...options, socket, commandOptions: BYTES });
  return connected(client, {
    get: (keys) => client.mGet([...keys]),
    ping: () => client.ping(),
    removeAll: (beginning) => removeFrom(client, beginning),
  });
}

function sentinel(place: RedisPlace): RedisConnection {
  const client = createSentinel({
    name: place.name,
    sentinelRootNodes: place.nodes.map((node) => ({ ...node })),
    nodeClientOptions: clientOptions(place),
    passthroughClientErrorEvents: true,
    commandOptions: BYTES,
  });
  return connected(client, {
    get: (keys) => client.mGet([...keys]),
    ping: () => client.ping(),
    removeAll: (beginning) => removeFrom(client, beginning),
  });
}

function cluster(place: RedisPlace): RedisConnection {
  const defaults = clientOptions(place);
  const client = createCluster({
    rootNodes: place.nodes.map((node) => ({ socket: { ...defaults.socket, ...node } })),
    defaults,
    commandOptions: BYTES,
  });
  return connected(client, {
    // Keys of one command must lie on one server, so each is a command; those of a server leave together.
    get: (keys) => all(keys.map((key) => client.get(key))),
    ping: () => client.get(''),
    async removeAll(beginning) {
      const masters = await all(client.masters.map(async (master) => client.nodeClient(master)));
      const removed = await all(masters.map((master) => removeFrom(master, beginning)));
      return removed.reduce((sum, one) => sum + one, 0);
    },
  });
}

interface Scanned {
  scan(
    cursor: string,
    options: { MATCH: string; COUNT: number },
  ): Promise<{ cursor: string | Buffer; keys: readonly (string | Buffer)[] }>;
  unlink(key: string | Buffer): Promise<number>;
}

/** Removes what begins so from one server. */
async function removeFrom(client: Scanned, beginning: string): Promise<number> {
  let removed = 0;
  let cursor = '0';
  do {
    // Prefixes and names of profiles have no character that a pattern gives a meaning.
    const found = await client.scan(cursor, { MATCH: `${beginning}*`, COUNT: SCANNED });
    const gone = await all(found.keys.map((key) => client.unlink(key)));
    removed += gone.reduce((sum, one) => sum + one, 0);
    cursor = String(found.cursor);
  } while (cursor !== '0');
  return removed;
}

/** All results, or the first failure once none is left open: nothing is rejected unseen. */
async function all<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'fulfilled') return result.value;
    throw result.reason;
  });
}
