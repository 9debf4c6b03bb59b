import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';

import type { Stats } from '../stats/schema.js';
import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { freePort } from '../testing/free-port.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';
import { frameOf } from './top-frame.js';

const figures = {
  requests: 1_234_567,
  requests_per_second: 1234.5,
  errors: { queue_full: 30_000, deadline_exceeded: 7, invalid_input: 6, internal: 5, cancelled: 4 },
  mean_latency_ms: 12_345.67,
  max_latency_ms: 30_000,
  cpu: { user: 61.5, system: 2 },
  cache: { requests: 0.951, memory: 0.9, redis: 0.5 },
};
const model = {
  texts: 9_876_543,
  texts_per_second: 5000,
  mean_batch: 15.2,
  mean_queue_wait_ms: 987.6,
  busy: 16,
};
const NAME = 'a-model-with-a-name-that-no-terminal-has-room-for';
const busy: Stats = {
  version: '12.34.56',
  phase: 'ready',
  uptime_seconds: 1e7,
  open_requests: 4096,
  requests: 1e9,
  errors: {},
  cpu: { user_seconds: 1e7, system_seconds: 1e6 },
  memory: { rss_bytes: 64e9, heap_used_bytes: 4e9, external_bytes: 0 },
  queue: { texts: 1024, capacity: 1_000_000 },
  cache: { hit_rate: figures.cache, entries: 12_345_678, bytes: 64e9, evictions: 0 },
  model_memory: { bytes: 16e9, limit_bytes: 64e9 },
  models: {
    [NAME]: { texts: 1, failed: 0, queued: 1024, loaded: false, loads: 1, evictions: 1 },
  },
  last: [1, 5, 15].map((minutes) => ({
    ...figures,
    minutes,
    seconds: 60 * minutes,
    models: { [NAME]: model },
  })),
};

test('the busiest service fits into 80 columns', () => {
  const frame = frameOf(busy, 'http://chorus.production.svc.cluster.local:9090');
  const lines = frame.trimEnd().split('\n');
  for (const line of lines) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  assert.ok(lines.length <= 24);
  assert.match(frame, /^last 15 min +1235 +1234567 +30022 +12346 +30000 +6350% +95%$/m);
  assert.match(frame, /^a-model-with-a-name-tha… +5000 +9876543 +15\.2 +987\.6 +1600% +1024$/m);
  assert.match(frame, /^models: 14\.9 GiB of 59\.6 GiB; not loaded: a-model-with/m);
  assert.match(frame, /^errors: queue_full 30000, .*, and 2 others$/m);
});

test('what is not known is shown as such', () => {
  const [first = assert.fail()] = busy.last;
  const idle = {
    ...first,
    mean_latency_ms: null,
    max_latency_ms: null,
    cache: null,
    errors: {},
    models: {},
  };
  const frame = frameOf(
    { ...busy, queue: null, cache: null, models: {}, last: [idle] },
    'http://a',
  );
  assert.match(frame, /^last 1 min .* - +- +6350% +-$/m);
  assert.doesNotMatch(frame, /errors:|cache:|models:|null|undefined|NaN/);
});

test('where the output is no terminal it is printed once', async (context) => {
  const { adminOrigin, post } = await startTestService(context, fakeEngine());
  await (await post('"hello"')).text();
  const { code, stdout, stderr } = await runChorus(['top', '--url', `${adminOrigin}/`]);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^chorus 0\.0\.0: ready, up \S+ +http:\/\/127\.0\.0\.1:\d+$/m);
  assert.match(stdout, /^last 1 min +\S+ +1 +0 /m);
  assert.match(stdout, /^svalabs /m);
  assert.ok(!stdout.includes('\u001b'));
});

test('in a terminal it goes on until it is told to end, also while the service is away', async (context) => {
  const { adminOrigin, service } = await startTestService(context);
  const top = new ChorusProcess(['top', '--url', adminOrigin], {
    NODE_OPTIONS: '--import data:text/javascript,process.stdout.isTTY=true',
  });
  const home = '\u001b[H';
  await until(() => top.written.split(`${home}chorus 0.0.0: ready`).length > 2, 'two frames');
  await service.stop(1000);
  await until(() => top.written.includes(`${home}${adminOrigin} does not answer`), 'it says so');
  top.signal('SIGINT');
  const { code, stdout, stderr } = await top.finished();
  assert.deepEqual([code, stderr], [0, '']);
  assert.ok(
    stdout.startsWith('\u001b[?25l') && stdout.endsWith('\u001b[?25h'),
    'the cursor is back',
  );
});

test('what is wrong is one line that says what to do', async (context) => {
  const { origin } = await startTestService(context);
  const stranger = createServer((_, response) => response.end('{"hello":1}'));
  const port = await freePort();
  stranger.listen(port, '127.0.0.1');
  context.after(() => stranger.close());
  const cases = [
    [`http://127.0.0.1:${await freePort()}`, 1, /does not answer\. Is the service up/],
    [origin, 1, /\/stats answers 404\. That is not the admin port/],
    [`http://127.0.0.1:${port}`, 1, /\/stats is not what chorus answers/],
    ['localhost:9090', 2, /--url is "localhost:9090"; it must be a URL such as/],
  ] as const;
  for (const [url, code, line] of cases) {
    const ended = await runChorus(['top', '--once', '--url', url]);
    assert.match(ended.stderr, /^chorus: [^\n]+\n$/);
    assert.match(ended.stderr, line);
    assert.equal(ended.code, code);
  }
});
