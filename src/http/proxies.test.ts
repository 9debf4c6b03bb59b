import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { exchangeRaw } from '../testing/raw-socket.js';
import { startTestService, type TestService } from '../testing/test-service.js';
import { TrustedProxies } from './proxies.js';

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);

function clientOf(address: string, forwardedFor: string): string {
  return proxies.clientOf({ address, isOfProxy: undefined }, forwardedFor);
}

test('the client is the last address that is no proxy of ours, whatever stands before it', () => {
  assert.equal(clientOf('10.1.1.1', '198.51.100.1'), '198.51.100.1');
  assert.equal(clientOf('10.1.1.1', '1.1.1.1, 198.51.100.1, 192.0.2.7, fd00::1'), '198.51.100.1');
  assert.equal(clientOf('10.1.1.1', '10.2.2.2,10.3.3.3'), '10.2.2.2');
  assert.equal(clientOf('fd12::1', '[2001:db8::1]:443, 10.0.0.1:80'), '2001:db8::1');
  assert.equal(clientOf('192.0.2.7', '::ffff:10.0.0.9, ::ffff:198.51.100.1'), '198.51.100.1');
});

test('what is no address ends the list, and who is no proxy is not asked', () => {
  assert.equal(clientOf('10.1.1.1', '198.51.100.1, unknown, 10.0.0.1'), '10.0.0.1');
  assert.equal(clientOf('10.1.1.1', ''), '10.1.1.1');
  assert.equal(clientOf('10.1.1.1', '<script>'), '10.1.1.1');
  assert.equal(clientOf('192.0.2.8', '198.51.100.1'), '192.0.2.8');
  assert.equal(clientOf('', '198.51.100.1'), '');
});

/** The id of the answer, and the client's address in the log. */
async function asked({ port, log }: TestService): Promise<{ id: string; client: string }> {
  const headers = ['x-request-id: order-7', 'x-forwarded-for: 198.51.100.1', 'connection: close'];
  const answer = await exchangeRaw(
    port,
    `GET /health HTTP/1.1\r\nHost: a\r\n${headers.join('\r\n')}\r\n\r\n`,
  );
  return {
    id: /^x-request-id: (.*)$/im.exec(answer)?.[1] ?? '',
    client: /"client":"([^"]*)"/.exec(log())?.[1] ?? '',
  };
}

test('without the setting an id is taken from everybody, and an address from nobody', async (context) => {
  const service = await startTestService(context);
  assert.deepEqual(await asked(service), { id: 'order-7', client: '127.0.0.1' });
});

test('with it both are taken from those proxies', async (context) => {
  const flags = ['--trusted-proxies', '10.0.0.0/8,127.0.0.0/8'];
  const service = await startTestService(context, fakeEngine(), flags);
  assert.deepEqual(await asked(service), { id: 'order-7', client: '198.51.100.1' });
});

test('and from nobody else', async (context) => {
  const flags = ['--trusted-proxies', '10.0.0.0/8,::1'];
  const service = await startTestService(context, fakeEngine(), flags);
  const { id, client } = await asked(service);
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(client, '127.0.0.1');
});
