/**
 * Ports of loopback for what takes no port 0.
 */

import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** One that nothing listened on a moment ago. */
export async function freePort(): Promise<number> {
  return listened(0);
}

/** So many in a row that nothing listened on a moment ago; gives the first. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await freePort();
    const others = Array.from({ length: count - 1 }, (_, at) => first + 1 + at);
    const isFree = (port: number) =>
      listened(port).then(
        () => true,
        () => false,
      );
    if ((await Promise.all(others.map(isFree))).every((free) => free)) return first;
  }
}

/** Listens on `port` for a moment, or on any; gives which. */
async function listened(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return taken;
}
