import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { folderSource } from '../retrieval/index-source.js';
import { ServedIndex } from '../retrieval/served-index.js';
import { fakeEncoder } from '../testing/fake-encoder.js';
import { indexWorld } from '../testing/index-world.js';
import { slowSource } from '../testing/slow-source.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';
import { usualRoute } from '../testing/usual-route.js';

test('a search is called off when its client leaves, and not when it is answered', async (context) => {
  const engine = fakeEncoder();
  const world = indexWorld(context, engine);
  await world.published('one', ['why so serious']);
  const [encoder] = engine.models;
  assert.ok(encoder);
  const source = slowSource(folderSource(world.directory));
  const index = await ServedIndex.start({ source, engine, encoder, onEvent: () => undefined });
  const route = { ...usualRoute, path: '/process', contract: 'retrieve', models: [encoder.name] };
  const { origin, log, metrics } = await startTestService(context, engine, [], {
    routes: [{ ...route, options: {} }],
    load: (loadedOf) => () => Promise.resolve({ ...loadedOf(engine), index }),
  });
  const signals: AbortSignal[] = [];
  const ask = (signal: AbortSignal | null = null) =>
    fetch(`${origin}/process`, { method: 'POST', body: '{"instances":["a"]}', signal });
  source.before = ({ signal }) => {
    if (signal !== undefined) signals.push(signal());
    return Promise.resolve();
  };
  assert.equal((await ask()).status, 200);
  await until(() => log().includes('"status":200'), 'it has ended');

  source.before = async ({ signal }) => {
    const gone = signal?.();
    assert.ok(gone);
    signals.push(gone);
    await once(gone, 'abort');
    throw gone.reason;
  };
  const client = new AbortController();
  const answer = ask(client.signal);
  await until(() => signals.length === 2, 'it is searched for');
  client.abort();
  await assert.rejects(answer);
  await until(() => signals[1]?.aborted === true, 'the search is called off');
  assert.equal(signals[0]?.aborted, false);
  await until(async () => /cancelled.* 1$/m.test(await metrics()), 'it is counted as cancelled');
  assert.equal(index.stats().failedSearches, 0);
  assert.equal(index.stats().expectedWaitSeconds, 0, 'nobody waits for it');
});
