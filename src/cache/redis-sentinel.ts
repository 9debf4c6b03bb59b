/**
 * A server that Sentinels know by its name, which may be another tomorrow.
 */

import { createSentinel, type RedisSentinelOptions } from '@redis/client';

import { BYTES, clientOptions, connected } from './redis-client.js';
import { commandsOfOne } from './redis-commands.js';
import type { RedisConnection } from './redis-connection.js';
import type { Trouble } from './redis-trouble.js';
import type { RedisPlace } from './redis-url.js';

/**
 * The user and the password are the server's. Sentinels usually have none, and refuse everybody who gives one; or they
 * have the same. So they are told it once one of them has asked for it.
 */
export function sentinel(place: RedisPlace): RedisConnection {
  return connected(
    (trouble, isClosed) => create(place, trouble, isClosed),
    (client, trouble) => commandsOfOne(client, trouble),
  );
}

function create(place: RedisPlace, trouble: Trouble, isClosed: () => boolean) {
  const { username, password } = place;
  const ofServer = clientOptions(place, isClosed);
  let isAsked = false;
  const ofSentinels: RedisSentinelOptions['sentinelClientOptions'] = {
    ...clientOptions({ ...place, username: '', password: '', database: 0 }, isClosed),
    credentialsProvider: {
      type: 'async-credentials-provider',
      credentials: () =>
        Promise.resolve(isAsked ? { ...(username !== '' && { username }), password } : {}),
    },
  };
  const nodes = place.nodes.map((node) => ({ ...node }));
  const client = createSentinel({
    name: place.name,
    // Each a second time for the password: node-redis waits for a second after it has asked all.
    sentinelRootNodes: password === '' ? nodes : [...nodes, ...nodes],
    nodeClientOptions: ofServer,
    sentinelClientOptions: ofSentinels,
    passthroughClientErrorEvents: true,
    commandOptions: BYTES,
  });
  client.on('error', (error: unknown) => {
    // What it makes a text of comes as an error, too.
    if (!(error instanceof Error)) return;
    if (!isAsked && password !== '' && error.message.startsWith('NOAUTH')) isAsked = true;
    else noteOf(error, trouble);
  });
  return client;
}

/** What node-redis tells of a client that it has found, with its kind and its place. */
const OF_CLIENT = /^(?<kind>Master|Sentinel) Client \((?<place>.*?)\): /;

/** Notes `error` with whom it is of. */
function noteOf(error: Error, trouble: Trouble): void {
  const { kind, place } = OF_CLIENT.exec(error.message)?.groups ?? {};
  if (kind === 'Master') trouble.note(error.cause, `the server ${place}`);
  else if (kind === 'Sentinel') trouble.note(error.cause, `the Sentinel ${place}`);
  else trouble.note(error, 'a Sentinel');
}
