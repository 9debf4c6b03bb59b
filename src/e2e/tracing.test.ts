/**
 * Spans of the running service, as OpenTelemetry's own collector takes them.
 */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { startCollector, type CollectedSpan } from '../testing/collector.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { sampleContract } from '../testing/sample-contract.js';
import { startTestService } from '../testing/test-service.js';
import { startTracing } from '../tracing/tracing.js';
import { startChorus } from './running-chorus.js';
import { usualRoute } from '../testing/usual-route.js';

const TEXT = 'This is nobody else’s business';

function traceIdOf(response: Response): string {
  const [, traceId = ''] =
    /^00-([0-9a-f]{32})-[0-9a-f]{16}-0[01]$/.exec(response.headers.get('traceresponse') ?? '') ??
    [];
  assert.notEqual(traceId, '', 'the response says which trace it belongs to');
  return traceId;
}

async function start(
  context: TestContext,
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
) {
  const often = { OTEL_BSP_SCHEDULE_DELAY: '20', ...environment };
  const chorus = await startChorus(flags, often);
  context.after(async () => {
    chorus.process.signal('SIGKILL');
    await chorus.process.finished();
  });
  return chorus;
}

function only(spans: readonly CollectedSpan[], name: string): CollectedSpan {
  const found = spans.filter((span) => span.name === name);
  assert.equal(found.length, 1, `one span ${name} of ${spans.map((span) => span.name).join(', ')}`);
  return found[0] ?? assert.fail();
}

test('a request is a span with where its time went below it, and without its text', async (context) => {
  const collector = await startCollector(context);
  const chorus = await start(context, ['--otlp-endpoint', collector.url]);

  const before = Date.now();
  const response = await chorus.post(JSON.stringify(TEXT));
  await response.text();
  const spans = await collector.trace(traceIdOf(response));

  const request = only(spans, 'POST /process');
  assert.equal(request.kind, 2);
  assert.equal(request.parentSpanId, '');
  assert.equal(request.status, 0);
  assert.deepEqual(request.attributes, {
    'http.request.method': 'POST',
    'http.route': '/process',
    'url.path': '/process',
    'url.scheme': 'http',
    'network.protocol.version': '1.1',
    'http.response.status_code': 200,
    'http.request.body.size': Buffer.byteLength(JSON.stringify(TEXT)),
    'chorus.request_id': response.headers.get('x-request-id'),
  });
  assert.ok(Math.abs(request.start - before) < 5000, 'by the time of day');
  const { resource } = request;
  assert.equal(resource['service.name'], 'chorus');
  assert.match(String(resource['service.version']), /^\d+\.\d+\.\d+/);

  // What `server-timing` says, one behind the other, within the request.
  const said = new Map(
    [...(response.headers.get('server-timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g)].map(
      ([, name = '', ms]) => [name, Number(ms)],
    ),
  );
  const parts = [
    ['cache', 'cache'],
    ['tokenize', 'tokenization'],
    ['queue', 'queue'],
    ['infer', 'inference'],
  ] as const;
  let end = request.start;
  for (const [name, header] of parts) {
    const part = only(spans, name);
    assert.equal(part.parentSpanId, request.spanId);
    assert.ok(Math.abs(part.end - part.start - (said.get(header) ?? NaN)) < 0.02, name);
    assert.ok(part.start >= end - 0.01, `${name} begins where the one before it ends`);
    end = part.end;
  }
  assert.ok(end <= request.end + 0.01, 'all of it while the request was open');
  assert.equal(only(spans, 'cache').attributes['chorus.cache.outcome'], 'miss');
  assert.equal(only(spans, 'infer').attributes['chorus.texts'], 1);
  assert.equal(spans.length, 5);

  // The same again is known, and nothing was computed for it.
  const again = await chorus.post(JSON.stringify(TEXT));
  await again.text();
  const known = await collector.trace(traceIdOf(again));
  assert.deepEqual(known.map(({ name }) => name).sort(), ['POST /process', 'cache']);
  assert.equal(only(known, 'cache').attributes['chorus.cache.outcome'], 'hit');

  assert.doesNotMatch(collector.written(), /nobody|business/);
});

test('the trace of the caller is continued, and who says nonsense gets one of his own', async (context) => {
  const collector = await startCollector(context);
  const { port } = await start(context, ['--otlp-endpoint', collector.url]);
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${port}/process`, {
      method: 'POST',
      headers,
      body: '"a text"',
    });
    await response.text();
    return traceIdOf(response);
  };
  const [traceId, parent] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];

  const traceparent = `00-${traceId}-${parent}-01`;
  assert.equal(await ask({ traceparent, tracestate: 'rojo=00f067aa0ba902b7,congo=t61' }), traceId);
  const request = only(await collector.trace(traceId), 'POST /process');
  assert.equal(request.parentSpanId, parent);
  assert.equal(request.traceState, 'rojo=00f067aa0ba902b7,congo=t61');

  // A later version may say more.
  const later = 'a'.repeat(32);
  assert.equal(await ask({ traceparent: `cc-${later}-${parent}-01-what-the-future-holds` }), later);

  for (const malformed of [
    `00-${traceId.toUpperCase()}-${parent}-01`,
    `00-${'0'.repeat(32)}-${parent}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-${parent}-01`,
    `00-${traceId}-${parent}-01-more`,
    `00-${traceId}-${parent}`,
    `${traceparent}, ${traceparent}`,
    'x'.repeat(2000),
  ]) {
    const own = await ask({ traceparent: malformed, tracestate: 'rojo=1' });
    assert.notEqual(own, traceId, malformed);
    const [first] = await collector.trace(own);
    assert.equal(first?.traceState, '', malformed);
  }

  // Who decided that it is not to be looked at is followed, and told so.
  const unsampled = 'b'.repeat(32);
  assert.equal(await ask({ traceparent: `00-${unsampled}-${parent}-00` }), unsampled);
  const last = await ask({});
  await collector.trace(last);
  assert.equal(
    collector.spans().some((span) => span.traceId === unsampled),
    false,
  );
});

test("OpenTelemetry's own variables do as well, and a stop sends what is left", async (context) => {
  const collector = await startCollector(context);
  const chorus = await start(context, [], {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: 'texts',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.5',
    // Nothing would be sent for a minute.
    OTEL_BSP_SCHEDULE_DELAY: '60000',
  });
  const sampled: string[] = [];
  for (let at = 0; at < 40; at += 1) {
    const response = await chorus.post(`"${at}"`);
    await response.text();
    const flags = response.headers.get('traceresponse')?.slice(-2);
    if (flags === '01') sampled.push(traceIdOf(response));
  }
  assert.ok(sampled.length > 5 && sampled.length < 35, `${sampled.length} of 40 by chance`);
  assert.equal(collector.spans().length, 0);
  chorus.process.signal('SIGTERM');
  assert.equal((await chorus.process.finished()).code, 0);
  const requests = collector.spans().filter(({ kind }) => kind === 2);
  assert.deepEqual(requests.map(({ traceId }) => traceId).sort(), sampled.sort());
  const { resource } = requests[0] ?? assert.fail();
  assert.equal(resource['service.name'], 'texts');
  assert.equal(resource['deployment.environment.name'], 'test');
});

test('what went wrong is told by its code, and as an error where it is ours', async (context) => {
  process.env.OTEL_BSP_SCHEDULE_DELAY = '5';
  const collector = await startCollector(context);
  const engine = fakeEngine();
  const routes = [{ path: '/sample', contract: 'sample', models: ['svalabs'], ...usualRoute }];
  const service = await startTestService(context, engine, [], {
    routes,
    contracts: { sample: sampleContract },
    tracing: (logger) => startTracing({ url: `${collector.url}/v1/traces`, version: '1', logger }),
  });
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(service.origin + path, init);
    await response.text();
    const spans = await collector.trace(traceIdOf(response));
    return spans.find(({ kind }) => kind === 2) ?? assert.fail();
  };

  const unmatched = await ask('/private/things?of=nobody');
  assert.equal(unmatched.name, 'GET');
  assert.deepEqual(
    [unmatched.attributes['http.route'], unmatched.attributes['url.path']],
    [undefined, undefined],
  );
  assert.deepEqual([unmatched.attributes['error.type'], unmatched.status], ['not_found', 0]);

  const strange = await ask('/sample/models', { method: 'PROPFIND' });
  assert.equal(strange.name, 'HTTP');
  assert.equal(strange.attributes['http.request.method'], '_OTHER');
  assert.equal(strange.attributes['http.request.method_original'], 'PROPFIND');

  const faulty = { method: 'POST', body: '{"inputs": 1}' };
  const refused = await ask('/sample/models/secret-name/infer', faulty);
  assert.equal(refused.name, 'POST /sample/models/{model}/infer');
  assert.equal(refused.attributes['url.path'], undefined, 'a parameter is the client’s text');
  assert.deepEqual([refused.attributes['error.type'], refused.status], ['invalid_input', 0]);

  engine.fail(new Error('a fault of ours about private things'));
  const failed = await ask('/sample/models/svalabs/infer', {
    method: 'POST',
    body: '{"inputs": ["a"]}',
  });
  assert.deepEqual([failed.attributes['error.type'], failed.status], ['internal', 2]);
  assert.equal(failed.attributes['http.response.status_code'], 500);

  assert.doesNotMatch(collector.written(), /private|secret|nobody/);
});

test('a request whose client went away has no status, and is none of our errors', async (context) => {
  process.env.OTEL_BSP_SCHEDULE_DELAY = '5';
  const collector = await startCollector(context);
  const engine = fakeEngine();
  const { origin } = await startTestService(context, engine, [], {
    tracing: (logger) => startTracing({ url: `${collector.url}/v1/traces`, version: '1', logger }),
  });
  const { asked, release } = engine.hold();
  context.after(release);
  const client = new AbortController();
  const [traceId, parent] = ['c'.repeat(32), 'd'.repeat(16)];
  const gone = fetch(`${origin}/process`, {
    method: 'POST',
    body: '"hello"',
    headers: { traceparent: `00-${traceId}-${parent}-01` },
    signal: client.signal,
  });
  await asked();
  client.abort();
  await assert.rejects(gone);
  const request = only(await collector.trace(traceId), 'POST /process');
  assert.equal(request.attributes['error.type'], 'cancelled');
  assert.equal(request.attributes['http.response.status_code'], undefined);
  assert.equal(request.status, 0);
});
