import assert from 'node:assert/strict';
import { Server } from 'node:net';
import { test, type TestContext } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { Clients, now } from '../testing/clients.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';

test('connections that stand when the service stops are accepted and answered', async (context) => {
  const { port, service } = await startTestService(context);
  const clients = await Clients.start(port, 50, { single: true });
  clients.blockUntilConnected(50);
  const stopped = service.stop(10_000);
  assert.deepEqual(await clients.outcome(), { answered: 50, refused: 0, lost: [] });
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
});

test('with a delay, clients that connect for each request lose nothing in 20 stops', async (context) => {
  const stopUnderLoad = async () => {
    const flags = ['--drain-delay', '200ms'];
    const { port, service } = await startTestService(context, fakeEngine(), flags);
    const clients = await Clients.start(port, 8);
    const answered = (count: number) =>
      until(() => clients.answered >= count, `${count} requests are answered`);
    await answered(40);
    const stopped = service.stop(10_000);
    // As a load balancer does that sees readiness go, they stay away after a while.
    await answered(clients.answered + 40);
    assert.deepEqual((await clients.stop()).lost, []);
    assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
  };
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([stopUnderLoad(), stopUnderLoad(), stopUnderLoad(), stopUnderLoad()]);
  }
});

test('without a delay, they lose only what comes after the last look for connections', async (context) => {
  for (let stop = 0; stop < 20; stop += 1) {
    const { port, service } = await startTestService(context);
    const clients = await Clients.start(port, 8);
    await until(() => clients.answered >= 40, '40 requests are answered');
    const lastLook = lastLookOf(context);
    const stopped = service.stop(10_000);
    const { refused, lost } = await clients.outcome();
    assert.equal(refused, 8, 'each client is told that nobody listens');
    const look = lastLook();
    const waited = lost.map((stoodAt) => stoodAt - look).filter((ms) => ms < 0);
    assert.deepEqual(waited, [], `stop ${stop} lost connections that stood before it`);
    await stopped;
  }
});

/**
 * A moment just before the last turn of the event loop in which the next listener that closes looked for connections.
 *
 * What comes between that look and the close is beyond anybody's reach: there is no closing a listener and keeping
 * what waits. From then on connections are refused, and their clients know it.
 */
function lastLookOf(context: TestContext): () => number {
  let [before, last] = [now(), now()];
  let look: number | undefined;
  const note = () => {
    [before, last] = [last, now()];
    if (look === undefined) setImmediate(note);
  };
  setImmediate(note);
  const { mock } = context.mock.method(
    Server.prototype,
    'close',
    function (this: Server, ...args: Parameters<Server['close']>) {
      // Not `last`, which may be of the same turn, after its look.
      look = before;
      mock.restore();
      return Server.prototype.close.apply(this, args);
    },
  );
  return () => look ?? assert.fail('the listener has not closed');
}

test('during the delay readiness and health are gone, and the service still answers', async (context) => {
  const flags = ['--drain-delay', '1s'];
  const started = await startTestService(context, fakeEngine(), flags);
  const { adminOrigin, origin, post, service } = started;
  const stopped = service.stop(10_000);
  assert.equal((await fetch(`${adminOrigin}/readyz`)).status, 503);
  assert.equal((await fetch(`${origin}/health`)).status, 503);
  const response = await post('"hello"');
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('connection'), 'close');
  await response.text();
  assert.deepEqual(await stopped, { inTime: true, unanswered: 0 });
});
