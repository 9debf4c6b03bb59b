/**
 * Binds a server to its address, or says in one line why not.
 */

import { createServer, type AddressInfo, type Server } from 'node:net';

import { StartError } from '../start-error.js';

/**
 * Connections that may wait to be accepted. One more is lost in a way that its client may notice only after minutes:
 * with Node's own 511, a burst of new connections while the event loop is busy loses some.
 */
const BACKLOG = 4096;

/** Every address of the machine; `host` as a user writes it. */
const ANY_HOST = '*';

export interface Address {
  readonly host: string;
  readonly port: number;
  /** The flag that picks another port. */
  readonly flag: string;
}

/**
 * Finds out whether `address` can be had, and lets go of it at once.
 *
 * Who binds it for good also takes connections there, and while the models load nobody could answer them.
 *
 * @throws {StartError} as `listen` does.
 */
export async function requireFree(address: Address): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await listen(server, address);
  await new Promise((resolve) => server.close(resolve));
}

/**
 * Resolves with the port, which is another one when `port` is 0.
 *
 * @throws {StartError} naming the flag that picks another port.
 */
export async function listen(server: Server, { host, port, flag }: Address): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new StartError([explain(error, host, port, flag)]));
    });
    // Without a host Node takes :: for IPv6 and IPv4 together, and 0.0.0.0 where IPv6 is off.
    server.listen({ port, backlog: BACKLOG, ...(host !== ANY_HOST && { host }) }, resolve);
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
