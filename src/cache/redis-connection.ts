/**
 * A connection to Redis that is there or not, and never waits to become so.
 *
 * node-redis, not ioredis: it bounds the commands that wait for a server that has stopped (`commandsQueueMaxLength`), comes back
 * at once when a server does, has no queue while it is offline, and is the one of the two that is developed further.
 * Neither mixed up an answer with another's, whatever the server did.
 */

import { setTimeout as sleep } from 'node:timers/promises';

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

/** What an honest Redis would not have said. */
export class WrongAnswer extends Error {}

/** Every promise may be late or never come: who waits has a limit of their own. */
export interface RedisConnection {
  /** The values of `keys`, in their order. */
  get(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;
  set(values: readonly Value[]): Promise<void>;
  /** Resolves once the server has answered. */
  ping(): Promise<unknown>;
  /** Removes the keys that begin so; resolves with how many there were. */
  removeAll(beginning: string): Promise<number>;
  /** What went wrong last; empty where nothing did. */
  readonly lastError: string;
  close(): void;
}

/** A server that is gone without a word is noticed after this time. */
const SILENCE_MS = 5000;
const PING_MS = 1000;
const CONNECT_MS = 2000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_LONGEST_MS = 1000;
/** For one node of a cluster to be connected to, where somebody waits for it. */
const NODE_MS = 5000;
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
  destroy(): unknown;
}

type Commands = Pick<RedisConnection, 'get' | 'set' | 'ping' | 'removeAll'>;

/**
 * A connection by the client that `create` makes. Clients of clusters and Sentinels give up when nobody is there at
 * first, and cannot be told to begin again: another takes their place.
 */
function connected<C extends Client>(
  create: () => C,
  commands: (client: () => C) => Commands,
): RedisConnection {
  let lastError = '';
  let isClosed = false;
  let client = create();
  const note = (error: unknown) => {
    lastError = (error as Error).message || String(error);
  };
  const begin = async () => {
    while (!isClosed) {
      // Without a listener an error would end the process.
      client.on('error', note);
      try {
        await client.connect();
        return;
      } catch (error) {
        note(error);
      }
      await sleep(RECONNECT_LONGEST_MS, undefined, { ref: false });
      destroyed(client, note);
      client = create();
    }
  };
  void begin();
  return {
    ...commands(() => client),
    get lastError() {
      return lastError;
    },
    close() {
      isClosed = true;
      destroyed(client, note);
    },
  };
}

/** Ends `client`, which may not have begun. */
function destroyed(client: Client, note: (error: unknown) => void): void {
  try {
    Promise.resolve(client.destroy()).catch(note);
  } catch (error) {
    note(error);
  }
}

function server(place: RedisPlace): RedisConnection {
  const options = clientOptions(place);
  const [node] = place.nodes;
  const socket = { ...options.socket, ...node };
  const create = () => createClient({ ...options, socket, commandOptions: BYTES });
  return connected(create, commandsOfOne);
}

function sentinel(place: RedisPlace): RedisConnection {
  const options = clientOptions(place);
  // Sentinels are spoken to as the server is, but for the database; they know the password where it is theirs, too.
  const ofSentinels = { ...options, database: 0 };
  const create = () =>
    createSentinel({
      name: place.name,
      sentinelRootNodes: place.nodes.map((node) => ({ ...node })),
      nodeClientOptions: options,
      sentinelClientOptions: ofSentinels,
      passthroughClientErrorEvents: true,
      commandOptions: BYTES,
    });
  return connected(create, commandsOfOne);
}

/** Where all keys lie on one server, whoever says which it is. */
interface OneServer extends Scanned {
  mGet(keys: string[]): Promise<unknown>;
  multi(): Pipeline;
  ping(): Promise<unknown>;
}

interface Pipeline {
  set(key: string, bytes: Buffer, options: ReturnType<typeof keptFor>): unknown;
  execAsPipeline(): Promise<unknown>;
}

function commandsOfOne(client: () => OneServer): Commands {
  return {
    get: async (keys) => bytesOf(await client().mGet([...keys])),
    async set(values) {
      const pipeline = client().multi();
      for (const { key, bytes, ttlMs } of values) pipeline.set(key, bytes, keptFor(ttlMs));
      await pipeline.execAsPipeline();
    },
    ping: () => client().ping(),
    removeAll: (beginning) => removeFrom(client(), beginning),
  };
}

function cluster(place: RedisPlace): RedisConnection {
  const defaults = clientOptions(place);
  const create = () =>
    createCluster({
      rootNodes: place.nodes.map((node) => ({ socket: { ...defaults.socket, ...node } })),
      defaults,
      commandOptions: BYTES,
    });
  return connected(create, (client) => ({
    // Keys of one command must lie on one server, so each is a command; those of a server leave together. What one of
    // them lacks or refuses is no value, as in an answer to many.
    async get(keys) {
      const found = await Promise.allSettled(keys.map((key) => client().get(key)));
      const failed = found.find((result) => result.status === 'rejected');
      if (failed && found.every(({ status }) => status === 'rejected')) throw failed.reason;
      return bytesOf(found.map((result) => (result.status === 'fulfilled' ? result.value : null)));
    },
    async set(values) {
      await all(values.map(({ key, bytes, ttlMs }) => client().set(key, bytes, keptFor(ttlMs))));
    },
    ping: () => client().get(''),
    async removeAll(beginning) {
      const { masters } = client();
      const from = async (master: (typeof masters)[number]) => {
        const node = await within(NODE_MS, Promise.resolve(client().nodeClient(master)));
        return removeFrom(node, beginning);
      };
      // A node that is gone keeps nobody from removing what the others have.
      const removed = await Promise.allSettled(masters.map(from));
      const sum = removed.reduce(
        (sum, one) => sum + (one.status === 'fulfilled' ? one.value : 0),
        0,
      );
      const gone = removed.flatMap((one, at) =>
        one.status === 'rejected'
          ? [`${masters[at]?.address}: ${(one.reason as Error).message}`]
          : [],
      );
      if (gone.length > 0)
        throw new Error(`${gone.join('; ')}; the other nodes' ${sum} are removed`);
      return sum;
    },
  }));
}

function keptFor(milliseconds: number) {
  return { expiration: { type: 'PX', value: milliseconds } } as const;
}

/**
 * The values of an answer, which node-redis gives as it came, whatever that is.
 *
 * @throws {WrongAnswer} for what is no list of values.
 */
function bytesOf(answer: unknown): (Buffer | null)[] {
  if (!Array.isArray(answer)) throw new WrongAnswer('The answer is no list.');
  return answer.map((value: unknown) => (Buffer.isBuffer(value) ? value : null));
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

/** What `promise` resolves with, or an error when the time is up. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: ended.signal }).then(() => {
    throw new Error(`no connection within ${milliseconds} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    ended.abort();
  }
}

/** All results, or the first failure once none is left open: nothing is rejected unseen. */
async function all<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'fulfilled') return result.value;
    throw result.reason;
  });
}
