import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';

import { ServiceError } from '../errors/service-error.js';
import { folderSource } from '../retrieval/index-source.js';
import { ServedIndex } from '../retrieval/served-index.js';
import { StoreTrouble } from '../retrieval/store/nodes.js';
import { fakeEncoder } from '../testing/fake-encoder.js';
import { indexWorld } from '../testing/index-world.js';
import { slowSource } from '../testing/slow-source.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';
import { usualRoute } from '../testing/usual-route.js';

/** As long as one search takes that was seen. */
const SEARCH_MS = 100;
/** A service whose searches have taken `SEARCH_MS`, and from now on wait for `release`. */
async function searching(context: TestContext, flags: readonly string[] = []) {
  const engine = fakeEncoder();
  // As an engine whose models have nothing to do.
  const allowed = { maxWaitMs: 10_000 };
  engine.refusal = ({ deadlineMs }, waitedMs) => {
    const limit = deadlineMs === 0 ? allowed.maxWaitMs : Math.min(deadlineMs, allowed.maxWaitMs);
    if (waitedMs <= limit) return undefined;
    return new ServiceError('queue_wait', 'Too long.', { retryAfterMs: waitedMs - limit });
  };
  const world = indexWorld(context, engine);
  await world.published('one', ['why so serious']);
  const encoder = engine.models[0] ?? assert.fail();
  const source = slowSource(folderSource(world.directory));
  const route = { ...usualRoute, path: '/process', contract: 'retrieve', models: [encoder.name] };
  const index = await ServedIndex.start({ source, engine, encoder, onEvent: () => undefined });
  const service = await startTestService(context, engine, flags, {
    routes: [{ ...route, options: {} }],
    load: (loadedOf) => () => Promise.resolve({ ...loadedOf(engine), index }),
  });
  const ask = (headers = {}) =>
    fetch(`${service.origin}/process`, {
      ...{ method: 'POST', body: '{"instances":["a"]}', headers },
      // Who is let in by mistake waits for searches that the test holds back.
      signal: AbortSignal.timeout(5000),
    });
  source.before = () => sleep(SEARCH_MS);
  for (let at = 0; at < 5; at += 1) assert.equal((await ask()).status, 200);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  source.before = () => held;
  const waiting: Promise<Response>[] = [];
  context.after(async () => {
    release();
    await Promise.all(waiting);
  });
  /** So many more requests wait for the index. */
  const wait = async (count: number) => {
    waiting.push(...Array.from({ length: count }, () => ask()));
    const asked = engine.seen.length + count;
    await until(() => engine.seen.length >= asked, 'they are let in');
  };
  return { ...service, ask, wait, engine, index, source, release, waiting, allowed };
}

test('who has no time to wait for the searches before it is refused before its text is embedded', async (context) => {
  const { ask, wait, engine, metrics } = await searching(context);
  await wait(10);
  const seen = engine.seen.length;
  const refused = await ask({ 'chorus-deadline': '500' });
  assert.equal(refused.status, 503);
  assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
  assert.match(await refused.text(), /"reason":"queue_wait"/);
  assert.equal(engine.seen.length, seen, 'nothing was embedded');
  const [, seconds] =
    /^chorus_index_expected_wait_seconds (.*)$/m.exec(await metrics()) ?? assert.fail();
  assert.ok(Number(seconds) > 0.8 && Number(seconds) < 20, seconds);
});

test('who has time is let in, and one whom nothing is before always', async (context) => {
  const { ask, wait, release, waiting } = await searching(context);
  await wait(2);
  waiting.push(ask({ 'chorus-deadline': '20000' }));
  release();
  for (const response of await Promise.all(waiting)) assert.equal(response.status, 200);
  assert.equal((await ask({ 'chorus-deadline': '50' })).status, 200, 'whatever the last ones took');
});

test('a wait longer than any request may have is refused, also at the header and where answers are kept', async (context) => {
  const { ask, wait, engine, port, allowed } = await searching(context, [
    ...['--cache-size', '64MiB'],
  ]);
  await wait(40);
  allowed.maxWaitMs = 1000;
  assert.equal((await ask()).status, 503);
  const seen = engine.seen.length;
  const early = await fetch(`http://127.0.0.1:${port}/process`, { method: 'POST', body: '{' });
  assert.equal(early.status, 503, 'refused before the body is found to be no JSON');
  assert.equal(engine.seen.length, seen);
});

test('what is waited for ends with the searches', async (context) => {
  const { wait, release, waiting, index } = await searching(context);
  await wait(5);
  assert.ok(index.stats().expectedWaitSeconds > 0);
  release();
  await Promise.all(waiting);
  assert.equal(index.stats().expectedWaitSeconds, 0);
});

test('an index that cannot be reached is told as such, however many ask, and is waited for as before when it is back', async (context) => {
  const { ask, source, index } = await searching(context);
  source.before = async () => {
    await sleep(5);
    throw new StoreTrouble('no node of the store has answered as it should');
  };
  const ends = performance.now() + 3000;
  const reasons = new Set<unknown>();
  const asking = async () => {
    while (performance.now() < ends) {
      const { reason } = (await (await ask()).json()) as { reason?: unknown };
      reasons.add(reason);
    }
  };
  await Promise.all(Array.from({ length: 8 }, asking));
  assert.deepEqual([...reasons], ['index_unavailable']);
  assert.equal(index.stats().expectedWaitSeconds, 0);
  source.before = () => Promise.resolve();
  assert.equal((await ask()).status, 200);
});
