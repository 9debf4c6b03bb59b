/**
 * What tracing must never do to a request, and what is left of it where the collector is of no use. What spans say is
 * tested in `e2e/`, with OpenTelemetry's own collector.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import type { Tracing } from '../http/tracing.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { freePort } from '../testing/free-port.js';
import { startTestService } from '../testing/test-service.js';
import { until } from '../testing/until.js';
import { startTracing } from './tracing.js';

const QUEUE = 20;

// Read when tracing starts.
process.env.OTEL_BSP_SCHEDULE_DELAY = '5';
process.env.OTEL_BSP_MAX_QUEUE_SIZE = String(QUEUE);
process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '300';

/** A service that sends spans to `port`. */
async function tracedTo(
  context: TestContext,
  port: number,
  engine = fakeEngine(),
  flags: readonly string[] = [],
) {
  let tracing: Tracing | undefined;
  const service = await startTestService(context, engine, flags, {
    tracing: (logger) =>
      (tracing = startTracing({ url: `http://127.0.0.1:${port}/v1/traces`, version: '1', logger })),
  });
  const ask = async (body = '"hello"', headers: Record<string, string> = {}) => {
    const response = await service.post(body, headers);
    await response.text();
    const header = response.headers.get('traceresponse') ?? '';
    const [, traceId = ''] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-0[01]$/.exec(header) ?? [];
    assert.notEqual(traceId, '', 'the response says which trace it belongs to');
    return { status: response.status, traceId };
  };
  return { ...service, ask, tracing: tracing ?? assert.fail() };
}

async function collector(context: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.close();
    server.closeIdleConnections();
  });
  return (server.address() as AddressInfo).port;
}

test('a collector that is down costs its spans, which are counted, and no request', async (context) => {
  const { ask, tracing, log, metrics } = await tracedTo(context, await freePort());
  for (let at = 0; at < 3; at += 1) {
    assert.equal((await ask()).status, 200);
    await until(() => tracing.counts.dropped.export_failed === 4 * (at + 1), 'they are lost');
  }
  assert.equal(tracing.counts.exported, 0);
  assert.match(await metrics(), /^chorus_spans_dropped_total\{reason="export_failed"\} 12$/m);
  assert.equal(log().split('the collector takes no spans').length - 1, 1, 'told once');
});

test('a collector that comes back is told of, too', async (context) => {
  let isUp = false;
  const port = await collector(context, (request, response) => {
    request.resume().on('end', () => response.writeHead(isUp ? 200 : 400).end());
  });
  const { ask, tracing, log } = await tracedTo(context, port);
  await ask();
  await until(() => tracing.counts.dropped.export_failed === 4, 'they are lost');
  isUp = true;
  await ask();
  await until(() => tracing.counts.exported === 4, 'they arrive');
  assert.match(log(), /the collector takes spans again/);
});

test('a collector that never answers holds up neither requests nor a stop, and no memory', async (context) => {
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '60000';
  const held: ServerResponse[] = [];
  context.after(() => {
    process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '300';
    // Refused, so that nothing is tried again and keeps this process.
    for (const response of held) response.writeHead(400).end();
  });
  const port = await collector(context, (_, response) => held.push(response));
  const { ask, tracing, service, log } = await tracedTo(context, port);
  for (let at = 0; at < 30; at += 1) assert.equal((await ask()).status, 200);
  const { exported, dropped } = tracing.counts;
  // Four spans each, of five requests.
  assert.deepEqual([exported, dropped], [0, { export_failed: 0, queue_full: 30 * 4 - QUEUE }]);
  const { inTime } = await service.stop(300);
  assert.equal(inTime, true);
  assert.match(log(), /"spans":20,"msg":"stopped before all spans were sent"/);
});

test('a fault is logged with the trace that shows it', async (context) => {
  const port = await collector(context, (_, response) => response.end());
  const engine = fakeEngine();
  const { ask, log } = await tracedTo(context, port, engine);
  engine.fail(new Error('a fault of ours'));
  const { status, traceId } = await ask();
  assert.equal(status, 500);
  const lines = log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; trace_id?: string });
  const told = lines.filter(({ trace_id }) => trace_id === traceId).map(({ level }) => level);
  assert.deepEqual(told.sort(), ['debug', 'error']);
});

test("the trace of a caller's is continued, where proxies are named for theirs alone", async (context) => {
  const port = await collector(context, (_, response) => response.end());
  const theirs = 'a'.repeat(32);
  const headers = { traceparent: `00-${theirs}-${'b'.repeat(16)}-01` };
  for (const [proxies, isContinued] of [
    ['', true],
    ['127.0.0.1', true],
    ['10.0.0.0/8', false],
  ] as const) {
    const { ask } = await tracedTo(context, port, fakeEngine(), ['--trusted-proxies', proxies]);
    const { traceId } = await ask('"hello"', headers);
    assert.equal(traceId === theirs, isContinued, proxies);
  }
});

test('without a collector to send to nothing says a trace, and the packages are not loaded', async (context) => {
  const { post, log } = await startTestService(context);
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const response = await post('"hello"', { traceparent });
  await response.text();
  assert.equal(response.headers.get('traceresponse'), null);
  assert.doesNotMatch(log(), /trace_id/);
  assert.equal(loadedBy('../cli/serve.js'), 0);
  assert.ok(loadedBy('./tracing.js') > 5, 'they would be seen');
});

/** How many files of OpenTelemetry's SDK a module brings, in a process of its own. */
function loadedBy(module: string): number {
  const script = `
    import { createRequire } from 'node:module';
    await import(${JSON.stringify(new URL(module, import.meta.url).href)});
    const files = Object.keys(createRequire('/').cache);
    console.log(files.filter((file) => /@opentelemetry.(?!api)/.test(file)).length);
  `;
  const args = ['--input-type=module', '--eval', script];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}
