/**
 * Connections to Redis, wherever a URL says that it is.
 */

import { createClient } from '@redis/client';

import { BYTES, clientOptions, connected } from './redis-client.js';
import { cluster } from './redis-cluster.js';
import { commandsOfOne } from './redis-commands.js';
import type { RedisConnection } from './redis-connection.js';
import { sentinel } from './redis-sentinel.js';
import type { RedisPlace } from './redis-url.js';

/** Begins to connect, and goes on trying until it is closed. */
export function connect(place: RedisPlace): RedisConnection {
  return { server, sentinel, cluster }[place.kind](place);
}

function server(place: RedisPlace): RedisConnection {
  const [node] = place.nodes;
  return connected(
    (trouble, isClosed) => {
      const options = clientOptions(place, isClosed);
      const socket = { ...options.socket, ...node };
      const client = createClient({ ...options, socket, commandOptions: BYTES });
      client.on('error', (error: unknown) => {
        trouble.note(error);
      });
      return client;
    },
    (client, trouble) => commandsOfOne(client, trouble),
  );
}
