import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { CachedEngine } from '../cache/cached-engine.js';
import { MemoryTier } from '../cache/memory-tier.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { startTestService } from '../testing/test-service.js';

async function start(context: TestContext, ...flags: readonly string[]) {
  const engine = fakeEngine();
  const tiers = { memory: new MemoryTier(1 << 20), redis: undefined };
  const service = await startTestService(context, new CachedEngine(engine, tiers), flags);
  return { ...service, engine };
}

test('an answer says what it owes to the cache, and a hit names no time of models', async (context) => {
  const { post, metrics } = await start(context);
  const first = await post('"hello"');
  assert.equal(first.headers.get('x-cache'), 'miss');
  assert.match(
    first.headers.get('server-timing') ?? '',
    /^cache;dur=\d+\.\d\d, tokenization;dur=0\.25, queue;dur=1\.50, inference;dur=12\.00, total;dur=/,
  );
  const second = await post('"hello"');
  assert.equal(second.headers.get('x-cache'), 'hit');
  assert.match(
    second.headers.get('server-timing') ?? '',
    /^cache;dur=\d+\.\d\d, total;dur=\d+\.\d\d$/,
  );
  assert.equal(await second.text(), await first.text());
  const written = await metrics();
  for (const line of [
    'chorus_cache_requests_total{outcome="hit"} 1',
    'chorus_cache_requests_total{outcome="miss"} 1',
    'chorus_cache_lookups_total{tier="memory",result="hit"} 3',
    'chorus_cache_lookups_total{tier="memory",result="miss"} 3',
    'chorus_cache_entries 1',
    'chorus_cache_evictions_total 0',
  ]) {
    assert.ok(written.includes(`\n${line}\n`), line);
  }
  assert.doesNotMatch(written, /^chorus_cache_redis_\w+[ {]/m);
});

test('a text cut short says so from the cache, too', async (context) => {
  const { post } = await start(context);
  const long = JSON.stringify('long '.repeat(50));
  for (const outcome of ['miss', 'hit']) {
    const { headers } = await post(long);
    assert.equal(headers.get('x-cache'), outcome);
    assert.equal(headers.get('chorus-truncated'), 'cardiffnlp, ivanlau, svalabs');
  }
});

for (const [flags, control, outcome] of [
  [[], 'no-cache', 'hit'],
  [['--cache-bypass'], 'no-cache', 'miss'],
  [['--cache-bypass'], 'max-age=0, No-Cache', 'miss'],
  [['--cache-bypass'], 'max-age=0', 'hit'],
] as const) {
  test(`cache-control: ${control} with ${flags.join() || 'no flag'} is a ${outcome}`, async (context) => {
    const { post, engine } = await start(context, ...flags);
    await post('"hello"');
    const { headers } = await post('"hello"', { 'cache-control': control });
    assert.equal(headers.get('x-cache'), outcome);
    assert.equal(engine.requests.length, outcome === 'miss' ? 2 : 1);
  });
}

test('without a cache no header speaks of one', async (context) => {
  const { post } = await startTestService(context);
  assert.equal((await post('"hello"')).headers.get('x-cache'), null);
});
