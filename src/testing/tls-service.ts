/**
 * The whole service with a certificate, and clients that trust its authority.
 */

import type { TestContext } from 'node:test';
import type { ConnectionOptions } from 'node:tls';

import { Authority } from './certificates.js';
import { fakeEngine } from './fake-engine.js';
import { folderFor } from './folder.js';
import { received } from './raw-socket.js';
import { startTestService } from './test-service.js';

/** `asksClients`: whether they need certificates of the same authority. */
export async function startTlsService(
  context: TestContext,
  flags: readonly string[] = [],
  { engine = fakeEngine(), asksClients = false } = {},
) {
  const folder = folderFor(context);
  const authority = new Authority(folder);
  const pair = authority.pair('first');
  const tls = ['--tls-cert-file', pair.cert, '--tls-key-file', pair.key];
  const clients = asksClients ? ['--tls-ca-file', authority.file] : [];
  const service = await startTestService(context, engine, [...tls, ...clients, ...flags]);
  const { port, adminOrigin } = service;
  const open = (options: ConnectionOptions = {}) => authority.connect(port, options);
  return {
    ...service,
    folder,
    authority,
    pair,
    open,
    /** Everything that is answered to `bytes`. */
    exchange: async (bytes: string, options: ConnectionOptions = {}) => {
      const socket = await open(options);
      socket.write(bytes);
      return received(socket);
    },
    reload: async () => {
      const response = await fetch(`${adminOrigin}/reload`, { method: 'POST' });
      return { status: response.status, detail: await response.text() };
    },
  };
}
