/**
 * A cluster: keys lie where it says, and what one node does not answer the others do.
 */

import { createClient, createCluster } from '@redis/client';

import { BYTES, clientOptions, connected, destroyed } from './redis-client.js';
import { all, bytesOf, keptFor, Removal, within } from './redis-commands.js';
import type { RedisConnection } from './redis-connection.js';
import { ROOT_MS, STEP_MS } from './redis-limits.js';
import { reasonOf, Trouble } from './redis-trouble.js';
import type { RedisNode, RedisPlace } from './redis-url.js';

const NOT_KNOWN = 'the nodes of the cluster are not known yet';

type Cluster = ReturnType<typeof create>;
type Node = Cluster['masters'][number];

export function cluster(place: RedisPlace): RedisConnection {
  return connected(
    (trouble, isClosed) => create(place, trouble, isClosed),
    (client, trouble) => ({
      // Keys of one command must lie on one server, so each is a command; those of a server leave together. What one of
      // them lacks or refuses is no value, as in an answer to many.
      async get(keys) {
        const found = await Promise.allSettled(keys.map((key) => client().get(key)));
        const failed = found.filter((result) => result.status === 'rejected');
        if (failed.length === 0) trouble.over();
        else if (failed.length === found.length) throw told(failed[0]?.reason);
        return bytesOf(
          found.map((result) => (result.status === 'fulfilled' ? result.value : null)),
        );
      },
      async set(values) {
        await all(values.map(({ key, bytes, ttlMs }) => client().set(key, bytes, keptFor(ttlMs))));
      },
      ping: (withinMs) =>
        client().masters.length > 0 ? pinged(client(), trouble, withinMs) : asked(place, withinMs),
      async removeAll(beginning) {
        const removal = new Removal(beginning);
        if (client().masters.length === 0) throw new Error(trouble.last || NOT_KNOWN);
        // A node that is gone keeps nobody from removing what the others have.
        const gone = await failures(client().masters, async (node) => {
          try {
            await removal.from(await within(STEP_MS, nodeClient(client(), node)));
          } catch (error) {
            throw new Error(trouble.whyOf(node.address, error), { cause: error });
          }
        });
        if (gone.length > 0) throw removal.failed(gone.join('; '));
        return removal.count;
      },
    }),
  );
}

function create(place: RedisPlace, trouble: Trouble, isClosed: () => boolean) {
  const defaults = clientOptions(place, isClosed);
  const client = createCluster({
    rootNodes: place.nodes.map((node) => ({
      socket: { ...defaults.socket, ...node, socketTimeout: ROOT_MS },
    })),
    defaults,
    commandOptions: BYTES,
  });
  client.on('error', (error) => {
    trouble.note(error);
  });
  client.on('node-error', (error, { host, port }: RedisNode) => {
    trouble.note(error, `${host}:${port}`);
  });
  return client;
}

/** Asks every node; fails where none answers. */
async function pinged(client: Cluster, trouble: Trouble, withinMs: number) {
  const { masters } = client;
  const gone = await failures(masters, async (node) => {
    try {
      const connecting = nodeClient(client, node);
      await within(
        withinMs,
        connecting.then((one) => one.ping()),
      );
    } catch (error) {
      throw new Error(trouble.whyOf(node.address, error), { cause: error });
    }
  });
  if (gone.length === masters.length) throw new Error(gone.join('; '));
  return gone;
}

/**
 * Asks the nodes that the URL names for their cluster, each on a connection of its own, and fails with what each has said:
 * node-redis tells of them without a name, and of the last alone.
 */
async function asked(place: RedisPlace, withinMs: number): Promise<never> {
  const options = clientOptions(place, () => true);
  const gone = await failures(place.nodes, async (node) => {
    const client = createClient({ ...options, socket: { ...options.socket, ...node } });
    client.on('error', () => undefined);
    try {
      const slots = await within(
        withinMs,
        client.connect().then(() => client.clusterSlots()),
      );
      if (slots.length === 0) throw new Error('no slots of the cluster are assigned');
    } catch (error) {
      throw new Error(`${node.host}:${node.port}: ${reasonOf(error)}`, { cause: error });
    } finally {
      destroyed(client, new Trouble());
    }
  });
  throw new Error(gone.join('; ') || NOT_KNOWN);
}

function nodeClient(client: Cluster, node: Node) {
  return Promise.resolve(client.nodeClient(node));
}

/** What `work` fails with, of all that it fails of, in their order. */
async function failures<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<string[]> {
  const results = await Promise.allSettled(all.map(work));
  return results.flatMap((result) =>
    result.status === 'rejected' ? [(result.reason as Error).message] : [],
  );
}

/** node-redis looks for a node that it does not know, and fails of itself. */
function told(error: unknown): unknown {
  return error instanceof TypeError ? new Error('no node is known that has the key') : error;
}
