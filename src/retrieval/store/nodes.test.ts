import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import { LargeSearch, LateSearch } from '../../engine/native-index.js';
import { NodeTrouble, StoreNodes, StoreTrouble, type StoreAnswer } from './nodes.js';

const REQUEST = { method: 'GET', path: '/v1/meta' } as const;
const json = ({ json }: StoreAnswer) => json;

/** A node that does what no well one does, or what one does; gives its URL. */
async function node(context: TestContext, does: RequestListener): Promise<string> {
  const server = createServer(does).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const well: RequestListener = (request, response) => {
  response.end(JSON.stringify({ key: request.headers.authorization ?? null }));
};

for (const [what, does] of [
  ['refuses connections', undefined],
  ['fails', (_, response) => response.writeHead(503).end('{"error":[{"message":"no leader"}]}')],
  ['closes the connection', ({ socket }) => socket.destroy()],
  ['stands still', () => undefined],
  ['stands still amid an answer', (_, response) => response.write('{"a":')],
  ['answers no JSON', (_, response) => response.end('<html>')],
  [
    'sends elsewhere',
    (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1' }).end(),
  ],
] as const satisfies readonly (readonly [string, RequestListener | undefined])[]) {
  test(`where a node ${what}, another is asked in the same request, and then first`, async (context) => {
    const bad = does === undefined ? 'http://127.0.0.1:1' : await node(context, does);
    const good = await node(context, well);
    const nodes = new StoreNodes({ urls: [bad, good], key: '', timeoutMs: 200 });
    for (let at = 0; at < 6; at += 1)
      assert.deepEqual(await nodes.ask(REQUEST, json), { key: null });
    assert.deepEqual(
      nodes.failures.map(({ url, count }) => [url, count]),
      [
        [bad, 1],
        [good, 0],
      ],
    );
  });
}

test('a single address is asked twice, and what is wrong with it is told', async (context) => {
  let asked = 0;
  const url = await node(context, (request, response) => {
    asked += 1;
    if (asked === 1) request.socket.destroy();
    else well(request, response);
  });
  const nodes = new StoreNodes({ urls: [url], key: 'secret', timeoutMs: 1000 });
  assert.deepEqual(await nodes.ask(REQUEST, json), { key: 'Bearer secret' });
  const refuses = () => {
    throw new NodeTrouble('not like this');
  };
  await assert.rejects(nodes.ask(REQUEST, refuses), (error) => {
    assert.ok(error instanceof StoreTrouble);
    assert.match(error.message, /no node of the store has answered .*: http:\S+: not like this$/);
    return true;
  });
});

test('an answer that is too long is not read to its end', async (context) => {
  let written = 0;
  const url = await node(context, (_, response) => {
    const chunk = 'x'.repeat(1 << 16);
    const more = () => {
      while (!response.destroyed && response.write(chunk)) written += chunk.length;
    };
    response.on('drain', more);
    more();
  });
  const nodes = new StoreNodes({ urls: [url], key: '', timeoutMs: 5000 });
  await assert.rejects(nodes.ask({ ...REQUEST, mostBytes: 1 << 20 }, json), LargeSearch);
  assert.ok(written < 64 << 20, `${written} bytes were taken`);
});

test('a request with little time leaves half of it to another node, and whoever had a fair part has failed', async (context) => {
  const bad = await node(context, () => undefined);
  const good = await node(context, well);
  const nodes = new StoreNodes({ urls: [good, bad], key: '', timeoutMs: 5000 });
  assert.deepEqual(await nodes.ask(REQUEST, json, { deadlineMs: 800 }), { key: null });
  assert.deepEqual(
    nodes.failures.map(({ count }) => count),
    [0, 1],
  );
  const alone = new StoreNodes({ urls: [bad], key: '', timeoutMs: 5000 });
  await assert.rejects(alone.ask(REQUEST, json, { deadlineMs: 50 }), LateSearch);
  assert.deepEqual(alone.failures, [{ url: bad, count: 0 }], 'it had no time to speak of');
});

test("what is called off closes its connection, asks no other node, and is nobody's fault", async (context) => {
  let asked = 0;
  let closed: () => void = () => undefined;
  const isClosed = new Promise<void>((resolve) => (closed = resolve));
  const controller = new AbortController();
  const still = await node(context, (_, response) => {
    asked += 1;
    response.once('close', closed);
    controller.abort(new Error('nobody waits'));
  });
  const nodes = new StoreNodes({ urls: [still, `${still}/other`], key: '', timeoutMs: 60_000 });
  const { signal } = controller;
  await assert.rejects(nodes.ask(REQUEST, json, { signal }), /nobody waits/);
  await isClosed;
  await assert.rejects(nodes.ask(REQUEST, json, { signal }), /nobody waits/, 'it is not begun');
  assert.equal(asked, 1);
  assert.deepEqual(
    nodes.failures.map(({ count }) => count),
    [0, 0],
  );
});

test('a port that fetch refuses is told as such', async () => {
  const nodes = new StoreNodes({ urls: ['http://127.0.0.1:6000'], key: '', timeoutMs: 500 });
  await assert.rejects(
    nodes.ask(REQUEST, json),
    /127\.0\.0\.1:6000: Node's fetch refuses this port/,
  );
  assert.match(nodes.troubles.join(), /^http:\/\/127\.0\.0\.1:6000: Node's fetch refuses/);
});

test('what cannot be sent is told without the key', async () => {
  const nodes = new StoreNodes({ urls: ['http://127.0.0.1:1'], key: 'sec\nret', timeoutMs: 500 });
  await assert.rejects(nodes.ask(REQUEST, json), ({ message }: Error) => !message.includes('ret'));
});
