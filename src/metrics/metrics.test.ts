import assert from 'node:assert/strict';
import { test } from 'node:test';

import { loadSettings } from '../config/load.js';
import type { Engine } from '../engine/engine.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { startTestService } from '../testing/test-service.js';
import { Metrics } from './metrics.js';

const SAMPLE =
  /^[a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (?:[-+\d.e]+|NaN|[+-]Inf)$/;

const BUILD = { version: '1.0.0', revision: 'd6f1e80' };

function served(engine: Engine, revisions: ReadonlyMap<string, string> = new Map()) {
  return { engine, profile: { name: 'three' }, revisions };
}

test('every line of the exposition is a comment or a sample', async (context) => {
  const { post, metrics } = await startTestService(context);
  await post('"hello"');
  for (const line of (await metrics()).split('\n')) {
    if (line !== '' && !line.startsWith('# ')) assert.match(line, SAMPLE);
  }
});

test('the engine is read once per scrape', async (context) => {
  const engine = fakeEngine();
  const { mock } = context.mock.method(engine, 'stats');
  const metrics = new Metrics();
  metrics.serve(served(engine), BUILD);
  await metrics.scrape();
  assert.equal(mock.callCount(), 1);
});

test("the engine's histograms are cumulative and end with +Inf, sum and count", async () => {
  const metrics = new Metrics();
  metrics.serve(served(fakeEngine()), BUILD);
  const lines = (await metrics.scrape()).body.split('\n');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('chorus_batch_size') && line.includes('svalabs')),
    [
      'chorus_batch_size_bucket{model="svalabs",le="1"} 3',
      'chorus_batch_size_bucket{model="svalabs",le="2"} 7',
      'chorus_batch_size_bucket{model="svalabs",le="+Inf"} 12',
      'chorus_batch_size_sum{model="svalabs"} 21.5',
      'chorus_batch_size_count{model="svalabs"} 12',
    ],
  );
});

test('what runs is told by its commit, and each model by its own, its precision and its profile', async () => {
  const metrics = new Metrics();
  metrics.serve(served(fakeEngine(), new Map([['svalabs', 'c0ffee']])), BUILD);
  const { body: text } = await metrics.scrape();
  assert.match(text, /^chorus_build_info\{version="1.0.0",revision="d6f1e80",.*\} 1$/m);
  assert.match(
    text,
    /^chorus_model_info\{model="svalabs",.*,precision="exact",revision="c0ffee",profile="three"\} 1$/m,
  );
  // A folder of the user's own is of no commit.
  assert.match(text, /^chorus_model_info\{model="ivanlau",.*,revision="",profile="three"\} 1$/m);
});

test('a latency beyond what an answer may take by default has buckets of its own', async (context) => {
  const { post, metrics } = await startTestService(context);
  await post('"hello"');
  const bounds = [
    ...(await metrics()).matchAll(/^http_server_request_duration_seconds_bucket.*le="([\d.]+)"/gm),
  ].map(([, bound]) => Number(bound));
  const { answerTimeout } = loadSettings([], {}).settings;
  assert.ok(bounds.includes(answerTimeout / 1000), 'a bucket ends with --answer-timeout');
  assert.ok(bounds.filter((bound) => bound > 10 && bound <= answerTimeout / 1000).length >= 3);
  assert.ok(bounds.some((bound) => bound > answerTimeout / 1000));
});

test('before the engine is loaded a scrape works and has none of its samples', async () => {
  const { body: text } = await new Metrics().scrape();
  assert.match(text, /^# TYPE chorus_texts_total counter$/m);
  assert.doesNotMatch(text, /^chorus_texts_total\{/m);
});

test('errors that have not happened yet are counted as 0', async () => {
  const { body: text } = await new Metrics().scrape();
  assert.match(text, /^chorus_request_errors_total\{reason="internal"\} 0$/m);
  assert.match(text, /^chorus_requests_shed_total\{reason="queue_full"\} 0$/m);
  assert.match(text, /^chorus_requests_cancelled_total\{stage="inference"\} 0$/m);
  assert.doesNotMatch(text, /reason="cancelled"/);
});

test('requests are counted by route, status and error', async (context) => {
  const { post, metrics, origin } = await startTestService(context);
  await post('"hello"');
  await post('[]');
  await (await fetch(`${origin}/any/thing`)).text();
  const text = await metrics();
  const count = 'http_server_request_duration_seconds_count';
  for (const [route, status, error, method] of [
    ['/process', 200, '', 'POST'],
    ['/process', 422, 'invalid_input', 'POST'],
    ['other', 404, 'not_found', 'GET'],
  ] as const) {
    const labels = `http_request_method="${method}",http_route="${route}",http_response_status_code="${status}",error_type="${error}"`;
    assert.ok(text.includes(`${count}{${labels}} 1\n`), labels);
  }
  assert.match(text, /^chorus_requests_received_total 3$/m);
  assert.match(text, /^http_server_active_requests 0$/m);
  assert.match(text, /^http_server_request_body_size_bytes_count 2$/m);
  assert.match(text, /^chorus_texts_total\{model="svalabs",outcome="done"\} 12$/m);
  assert.match(
    text,
    /^chorus_model_info\{model="svalabs",architecture="xlm-roberta",provider="cpu",precision="exact",revision="",profile="test"\} 1$/m,
  );
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
});

test('methods that no route takes are one', async (context) => {
  const { origin, metrics } = await startTestService(context);
  for (const method of ['GET', 'HEAD', 'PUT', 'PROPFIND', 'MKCOL']) {
    await (await fetch(`${origin}/health`, { method })).text();
  }
  const methods = (await metrics()).matchAll(/_count\{http_request_method="(\w+)"/g);
  const found = new Set([...methods].map(([, method]) => method));
  assert.deepEqual([...found].sort(), ['GET', 'HEAD', '_OTHER']);
});
