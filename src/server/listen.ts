/**
 * Binds a server to its address, or says in one line why not.
 */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { StartError } from '../start-error.js';

/** Every address of the machine; `host` as a user writes it. */
const ANY_HOST = '*';

/**
 * Resolves with the port, which is another one when `port` is 0.
 *
 * @throws {StartError} naming the flag that picks another port.
 */
export async function listen(
  server: Server,
  { host, port, flag }: { host: string; port: number; flag: string },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new StartError([explain(error, host, port, flag)]));
    });
    // Without a host Node takes :: for IPv6 and IPv4 together, and 0.0.0.0 where IPv6 is off.
    server.listen({ port, ...(host !== ANY_HOST && { host }) }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

function explain(
  { code, message }: NodeJS.ErrnoException,
  host: string,
  port: number,
  flag: string,
) {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is in use; choose another with ${flag}.`;
    case 'EACCES':
      return `Port ${port} is not allowed to this user; choose another with ${flag}.`;
    default:
      return `Cannot listen on ${host} port ${port}: ${message}.`;
  }
}
