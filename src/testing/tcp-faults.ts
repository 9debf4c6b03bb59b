/**
 * Servers on loopback that come late or lie, for tests of who speaks to them.
 */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A port that speaks to `target`, as late as it is told. */
export async function slowed(context: TestContext, target: number) {
  const state = { port: 0, delayMs: 0 };
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const forward = (from: Socket, to: Socket) => {
      from.on('data', (chunk) => {
        setTimeout(() => to.write(chunk), state.delayMs);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    };
    forward(client, upstream);
    forward(upstream, client);
  });
  state.port = await listening(context, server);
  return state;
}

/** A port that gives the same answer to everything. */
export function sameAnswer(context: TestContext, answer: string): Promise<number> {
  return listening(
    context,
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => answer !== '' && socket.write(answer));
    }),
  );
}

/** A port that speaks as Redis does, but answers every request for values with these bytes. */
export function wrongValues(context: TestContext, answer: string): Promise<number> {
  return listening(
    context,
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        const commands = bytes.toString('latin1').split(/(?=\*\d+\r\n)/);
        for (const command of commands) {
          socket.write(command.includes('MGET') ? answer : '+OK\r\n');
        }
      });
    }),
  );
}

async function listening(context: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
