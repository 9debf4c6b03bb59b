import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { CacheStats, EngineStats } from '../engine/engine.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { startTestService } from '../testing/test-service.js';
import { statsSchema, type Period } from './schema.js';
import { ServiceStats } from './service-stats.js';

const STATE = { version: '1.2.3', phase: 'ready', openRequests: 2 } as const;

/** Figures under a clock of the test's; requests take as long as they are told to. */
function figures() {
  let now = 100;
  let engine: ReturnType<typeof fakeEngine> | undefined;
  const cpu = { user: 0, system: 0 };
  const stats = new ServiceStats({ now: () => now, cpuUsage: () => ({ ...cpu }) });
  return {
    stats,
    cpu,
    /** Seconds go by; counts are put down as the timer would. */
    pass: (seconds: number) => {
      for (let left = seconds; left > 0; left -= 5) {
        now += Math.min(5, left);
        if (left >= 5) stats.putDown();
      }
    },
    request: (milliseconds: number, errorCode?: 'queue_full' | 'invalid_input') => {
      stats.exchangeClosed({ errorCode, startedAt: performance.now() - milliseconds });
    },
    /** What the engine has counted so far. */
    engine: (overrides: Partial<EngineStats>) => {
      const isFirst = engine === undefined;
      const current = (engine = fakeEngine(overrides));
      if (isFirst) stats.engineLoaded({ stats: () => (engine ?? current).stats() });
    },
    last: (minutes: number): Period => {
      const { last } = stats.read(STATE);
      return last.find((period) => period.minutes === minutes) ?? assert.fail();
    },
  };
}

function near(actual: number | null, expected: number): void {
  assert.ok(actual !== null && Math.abs(actual - expected) < 5, `${actual} is about ${expected}`);
}

test('/stats answers what its schema says, and nothing else', async (context) => {
  const cache: CacheStats = {
    outcomes: { hit: 3, miss: 1, partial: 0, coalesced: 0 },
    lookups: { memory: { hit: 9, miss: 3 } },
    entries: 4,
    bytes: 1000,
    evictions: 0,
  };
  const { adminOrigin, post } = await startTestService(context, fakeEngine({ cache }));
  await (await post('"hello"')).text();
  await (await post('no JSON')).text();
  const response = await fetch(`${adminOrigin}/stats`);
  assert.equal(response.headers.get('content-type'), 'application/json');
  const written = await response.json();
  const stats = statsSchema.parse(written);
  // Parsing strips what the schema does not name.
  assert.deepEqual(stats, written);
  assert.equal(stats.requests, 2);
  assert.deepEqual(stats.errors, { invalid_json: 1 });
  assert.equal(stats.phase, 'ready');
  assert.deepEqual(stats.cache?.hit_rate, { requests: 0.75, memory: 0.75, redis: null });
  assert.deepEqual(stats.models.svalabs, {
    texts: 12,
    failed: 1,
    queued: 3,
    loaded: true,
    loads: 0,
    evictions: 0,
  });
  assert.ok(stats.memory.rss_bytes > 1e6 && stats.cpu.user_seconds > 0);
});

test('a period counts what ended in it', () => {
  const { stats, pass, request, last } = figures();
  request(1000);
  pass(120);
  request(10);
  request(30, 'queue_full');
  pass(30);
  const minute = last(1);
  assert.equal(minute.requests, 2);
  assert.deepEqual(minute.errors, { queue_full: 1 });
  near(minute.mean_latency_ms, 20);
  near(minute.max_latency_ms, 30);
  assert.equal(minute.seconds, 60);
  assert.equal(minute.requests_per_second, 2 / 60);
  const five = last(5);
  assert.equal(five.requests, 3);
  assert.equal(five.seconds, 150, 'there has been no more');
  near(five.max_latency_ms, 1000);
  pass(60);
  assert.deepEqual(
    [last(1).requests, last(1).mean_latency_ms, last(1).max_latency_ms],
    [0, null, null],
  );
  assert.deepEqual(last(1).errors, {});
  assert.equal(stats.read(STATE).requests, 3, 'the total stays');
});

test('after a day the last quarter of an hour is still that long', () => {
  const { pass, request, last } = figures();
  pass(86_400);
  request(5);
  pass(900);
  request(7);
  assert.equal(last(15).seconds, 900);
  assert.equal(last(15).requests, 2);
  pass(5);
  assert.equal(last(15).requests, 1);
});

test('a timer that did not come to it leaves no period without its figures', () => {
  const { stats, request, last } = figures();
  request(5);
  stats.putDown();
  assert.equal(last(1).requests, 1, 'the first count is that of the start');
});

test('models and CPU are counted by period, too', () => {
  const { pass, engine, cpu, last } = figures();
  const models = fakeEngine()
    .stats()
    .models.filter(({ name }) => name === 'svalabs');
  const [model = assert.fail()] = models;
  engine({ models });
  pass(300);
  cpu.user = 30e6;
  cpu.system = 6e6;
  const batchSize = { ...model.batchSize, counts: [3, 4, 11], sum: model.batchSize.sum + 18 };
  const queueWaitSeconds = { ...model.queueWaitSeconds, counts: [3, 4, 9], sum: 21.9 };
  engine({ models: [{ ...model, textsDone: 72, busySeconds: 31.5, batchSize, queueWaitSeconds }] });
  const { models: now, cpu: cores } = last(1);
  const { svalabs = assert.fail() } = now;
  assert.equal(svalabs.texts, 60);
  assert.equal(svalabs.texts_per_second, 1);
  assert.equal(svalabs.mean_batch, 3);
  near(svalabs.mean_queue_wait_ms, 100);
  assert.equal(svalabs.busy, 0.5);
  assert.deepEqual(cores, { user: 0.5, system: 0.1 });
});

test('another engine, as of a reload, counts from nothing, and so does what is told of it', () => {
  const { stats, pass } = figures();
  const counting = (textsDone: number, hit: number) => {
    const [model] = fakeEngine().stats().models;
    assert.ok(model);
    const outcomes = { hit, miss: 0, partial: 0, coalesced: 0 };
    const cache: CacheStats = { outcomes, lookups: {}, entries: 0, bytes: 0, evictions: 0 };
    return fakeEngine({ models: [{ ...model, textsDone }], cache });
  };
  stats.engineLoaded(counting(1000, 90));
  pass(120);
  stats.engineLoaded(counting(7, 2));
  pass(5);
  const read = statsSchema.parse(stats.read(STATE));
  const [minute] = read.last;
  assert.equal(Object.values(minute?.models ?? {})[0]?.texts, 7);
  assert.equal(minute?.cache?.requests, 1);
});
