/**
 * A server that Sentinels know by its name, which may be another tomorrow.
 */

import { createSentinel } from '@redis/client';

import { BYTES, clientOptions, connected } from './redis-client.js';
import { commandsOfOne } from './redis-commands.js';
import type { RedisConnection } from './redis-connection.js';
import type { Trouble } from './redis-trouble.js';
import type { RedisPlace } from './redis-url.js';

export function sentinel(place: RedisPlace): RedisConnection {
  return connected(
    (trouble, isClosed) => create(place, trouble, isClosed),
    (client, trouble) => commandsOfOne(client, trouble),
  );
}

function create(place: RedisPlace, trouble: Trouble, isClosed: () => boolean) {
  const ofServer = clientOptions(place, isClosed);
  // Sentinels are spoken to as the server is, but for the database; they know the password where it is theirs, too.
  const ofSentinels = { ...ofServer, database: 0 };
  const client = createSentinel({
    name: place.name,
    sentinelRootNodes: place.nodes.map((node) => ({ ...node })),
    nodeClientOptions: ofServer,
    sentinelClientOptions: ofSentinels,
    passthroughClientErrorEvents: true,
    commandOptions: BYTES,
  });
  client.on('error', (error: unknown) => {
    // What it makes a text of comes as an error, too.
    if (!(error instanceof Error)) return;
    noteOf(error, trouble);
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
