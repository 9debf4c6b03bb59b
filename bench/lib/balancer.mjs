// The least that balances: requests go to the servers in turn, and what their answers said is counted.
//
// In this process and not a proxy beside it, since only it knows which server an answer came from. It is no part
// of what is measured: it costs as much as a small service does.

import { once } from 'node:events';
import { Agent, createServer, request as send } from 'node:http';

import { CACHE_STATES, cacheState } from './predict.js';

/** Listens on loopback; gives `{port, counts, close}`, with a count of every x-cache for each of `ports`. */
export async function startBalancer(ports) {
  const counts = ports.map(() => Object.fromEntries(CACHE_STATES.map((state) => [state, 0])));
  const agent = new Agent({ keepAlive: true });
  let turn = 0;
  const server = createServer((incoming, outgoing) => {
    const index = turn++ % ports.length;
    const { method, url: path, headers } = incoming;
    const onwards = { host: '127.0.0.1', port: ports[index], method, path, headers, agent };
    const upstream = send(onwards, (answer) => {
      counts[index][cacheState(answer.headers['x-cache'])] += 1;
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.once('error', () => outgoing.writeHead(502).end());
    incoming.pipe(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    counts,
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}
