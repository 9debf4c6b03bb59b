import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fakeEngine } from '../testing/fake-engine.js';
import { startTestService } from '../testing/test-service.js';
import type { Trace } from '../http/trace.js';
import { wantsOpenMetrics } from './open-metrics.js';

/** What Prometheus 3 sends. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
  'application/openmetrics-text;version=0.0.1;q=0.5,' +
  'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';

const OPEN = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

/** A service whose every other request is sampled. */
async function traced(context: Parameters<typeof startTestService>[0]) {
  let count = 0;
  const trace = (): Trace => {
    count += 1;
    return { traceId: TRACE_ID, isSampled: count % 2 === 1, answered: () => undefined };
  };
  const service = await startTestService(context, fakeEngine(), [], {
    tracing: () => ({
      counts: { exported: 7, dropped: { export_failed: 1, queue_full: 2 } },
      exchangeOpened: (exchange) => (exchange.trace = trace()),
      exchangeClosed: () => undefined,
      refused: () => undefined,
      stop: () => Promise.resolve(),
    }),
  });
  const scrape = async (accept: string) => {
    const response = await fetch(`${service.adminOrigin}/metrics`, { headers: { accept } });
    return { type: response.headers.get('content-type'), text: await response.text() };
  };
  return { ...service, scrape };
}

test('who prefers OpenMetrics gets it, everybody else the text as ever', () => {
  for (const accept of [PROMETHEUS, 'application/openmetrics-text', OPEN]) {
    assert.ok(wantsOpenMetrics(accept), accept);
  }
  for (const accept of [
    undefined,
    '',
    '*/*',
    'text/plain',
    'application/openmetrics-text;q=0.2,text/plain;q=0.9',
    'application/openmetrics-text;q=0',
    'application/openmetrics-text;version=2.0.0',
    'application/openmetrics-text;q=no,text/plain',
  ]) {
    assert.ok(!wantsOpenMetrics(accept), String(accept));
  }
});

test('a latency has the trace that shows it, in OpenMetrics alone', async (context) => {
  const { post, scrape } = await traced(context);
  await (await post('"sampled"')).text();
  const { type, text } = await scrape(PROMETHEUS);
  assert.equal(type, OPEN);
  const exemplars = text.split('\n').filter((line) => line.includes('} ') && line.includes(' # {'));
  assert.equal(exemplars.length, 1);
  const [, value = '', seconds = ''] =
    /^http_server_request_duration_seconds_bucket\{.*le="[\d.]+"\} 1 # \{trace_id="4bf92f3577b34da6a3ce929d0e0e4736"\} (\S+) (\S+)$/.exec(
      exemplars[0] ?? '',
    ) ?? assert.fail(exemplars[0]);
  assert.ok(Number(value) > 0 && Number(value) < 10);
  assert.ok(Math.abs(Number(seconds) - Date.now() / 1000) < 60);
  const plain = await scrape('text/plain');
  assert.ok(!plain.text.includes(TRACE_ID));
});

test('a request that is not sampled leaves no trace that nobody can find', async (context) => {
  const { post, scrape } = await traced(context);
  await (await post('"sampled"')).text();
  const before = await scrape(OPEN);
  await (await post('no JSON')).text();
  const after = await scrape(OPEN);
  const count = ({ text }: { text: string }) => text.split(TRACE_ID).length - 1;
  assert.deepEqual([count(before), count(after)], [1, 1]);
});

test('both formats have the same samples, scrape after scrape', async (context) => {
  const { post, scrape } = await traced(context);
  await (await post('"hello"')).text();
  // A histogram by kind of garbage collection has no sample before the first one of the process,
  // which may fall between two scrapes.
  const names = (text: string) =>
    new Set(
      text
        .split('\n')
        .filter((line) => line !== '' && !/^(#|nodejs_gc_)/.test(line))
        .map((line) => line.replace(/[{ ].*/, '')),
    );
  const plain = await scrape('text/plain');
  const open = await scrape(OPEN);
  const again = await scrape('text/plain');
  assert.deepEqual(names(again.text), names(plain.text), 'the one does not change the other');
  assert.deepEqual([...names(open.text)].sort(), [...names(plain.text)].sort());
  assert.match(plain.text, /^# TYPE chorus_texts_total counter$/m);
  assert.match(open.text, /^# TYPE chorus_texts counter$/m);
  assert.match(open.text, /\n# EOF\n$/);
  assert.doesNotMatch(open.text, /^$\n^./m);
  assert.match(plain.text, /^chorus_spans_exported_total 7$/m);
  assert.match(plain.text, /^chorus_spans_dropped_total\{reason="queue_full"\} 2$/m);
});
