// A collector that takes all spans and keeps none, in this process: what sending costs the sender.

import { once } from 'node:events';
import { createServer } from 'node:http';

/** Resolves with its `url`, and `stop`. */
export async function startSink() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}
