import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { z } from 'zod';

import type { LabelScore } from '../engine/scores.js';
import { contracts } from '../routes/index.js';
import { contract, noOptions, operation } from '../routes/operation.js';
import { fakeBest, fakeEngine, type FakeEngine } from '../testing/fake-engine.js';
import { exchangeRaw, parseAnswer } from '../testing/raw-socket.js';
import { sampleContract, terse } from '../testing/sample-contract.js';
import { startTestService, type TestService } from '../testing/test-service.js';
import { usualRoute } from '../testing/usual-route.js';

const MODELS = ['svalabs', 'cardiffnlp'];

interface Terse {
  readonly error: { readonly message: string; readonly code: string };
}

/** A service with the sample contract at `/sample` and `process` at `/sample/process`. */
function start(
  context: TestContext,
  engine: FakeEngine = fakeEngine(),
  flags: readonly string[] = [],
): Promise<TestService> {
  return startTestService(context, engine, flags, {
    contracts: { ...contracts, sample: sampleContract },
    routes: [
      { path: '/sample', contract: 'sample', models: MODELS, ...usualRoute },
      { path: '/sample/process', contract: 'process', models: MODELS, ...usualRoute },
    ],
  });
}

function infer(origin: string, model: string, body: unknown): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(body) };
  return fetch(`${origin}/sample/models/${model}/infer`, init);
}

test('an operation without a body is answered from the route', async (context) => {
  const { origin } = await start(context);
  const response = await fetch(`${origin}/sample/models`);
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.deepEqual(await response.json(), MODELS);
});

test('a parameter picks the model, and every text is answered in order', async (context) => {
  const engine = fakeEngine();
  const { origin, metrics } = await start(context, engine);
  const response = await infer(origin, 'cardiffnlp', { inputs: ['a', 'b', 'c'] });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('server-timing') ?? '', /^tokenization;dur=0\.25, /);
  const answers = (await response.json()) as LabelScore[][];
  for (const [index, text] of ['a', 'b', 'c'].entries()) {
    const ranking = answers[index] ?? [];
    assert.deepEqual(ranking[0], fakeBest('cardiffnlp', text));
    assert.deepEqual(ranking.map(({ label }) => label).sort(), ['NEGATIVE', 'NEUTRAL', 'POSITIVE']);
  }
  assert.deepEqual(engine.requests[0]?.texts[2], { text: 'c', models: ['cardiffnlp'] });
  assert.match(await metrics(), /http_route="\/sample\/models\/\{model\}\/infer"/);
});

test('parameters are decoded, and a model that the route has not is its own 404', async (context) => {
  const { origin } = await start(context);
  assert.equal((await infer(origin, 'card%69ffnlp', { inputs: ['a'] })).status, 200);
  for (const model of ['ivanlau', 'constructor', '%zz', '..%2f..']) {
    const response = await infer(origin, model, { inputs: ['a'] });
    assert.equal(response.status, 404, model);
    const { error } = (await response.json()) as Terse;
    assert.deepEqual(error, { message: 'Models here: svalabs, cardiffnlp.', code: 'not_found' });
  }
});

test('of several texts the header names each that was cut, at most a hundred', async (context) => {
  const { origin } = await start(context);
  const long = 'long '.repeat(50);
  const truncated = async (inputs: readonly string[]) =>
    (await infer(origin, 'svalabs', { inputs })).headers.get('chorus-truncated');
  assert.equal(await truncated([long]), 'svalabs');
  assert.equal(await truncated(['short', 'too']), null);
  assert.equal(await truncated(['short', long, long]), '1:svalabs, 2:svalabs');
  const many = (await truncated(Array.from({ length: 130 }, () => long)))?.split(', ') ?? [];
  assert.equal(many.length, 101);
  assert.deepEqual(many.slice(-2), ['99:svalabs', '+30']);
});

test('every text is repaired that must be, and counted', async (context) => {
  const engine = fakeEngine();
  const { origin, metrics } = await start(context, engine);
  // `JSON.stringify` writes lone surrogates as escapes, which is what clients send.
  assert.equal(
    (await infer(origin, 'svalabs', { inputs: ['\ud800', 'fine', 'a\udfff'] })).status,
    200,
  );
  assert.deepEqual(engine.seen, ['\ufffd', 'fine', 'a\ufffd']);
  assert.match(await metrics(), /^chorus_text_repaired_total 2$/m);
});

test('a fault in a body is told with its pointer', async (context) => {
  const { origin } = await start(context);
  const response = await infer(origin, 'svalabs', { inputs: ['a', 7] });
  assert.equal(response.status, 422);
  const { error } = (await response.json()) as Terse;
  assert.match(error.message, /^The body's \/inputs\/1 /);
});

test("errors read as the route's, also below its path, and as problems elsewhere", async (context) => {
  const { origin, post } = await start(context);
  for (const [path, method, status, format] of [
    ['/sample/models', 'POST', 405, 'terse'],
    ['/sample', 'GET', 404, 'terse'],
    ['/sample/nothing/here', 'GET', 404, 'terse'],
    ['/samples', 'GET', 404, 'problem'],
    ['/sample/process', 'GET', 405, 'problem'],
    ['/sample/process/more', 'GET', 404, 'problem'],
    ['/', 'POST', 405, 'problem'],
  ] as const) {
    const response = await fetch(origin + path, { method });
    assert.equal(response.status, status, path);
    const type = format === 'terse' ? 'application/json' : 'application/problem+json';
    assert.equal(response.headers.get('content-type'), type, path);
    assert.ok((format === 'terse' ? 'error' : 'type') in ((await response.json()) as object), path);
  }
  assert.equal((await post('"a"')).status, 404, 'the default route is not served here');
});

test('errors read so in absolute form, too, which proxies may send', async (context) => {
  const { port } = await start(context);
  for (const [target, status, type] of [
    ['http://h/sample/models', 405, 'application/json'],
    ['http://h/sample/nothing?here', 404, 'application/json'],
    ['http://h/sample', 404, 'application/json'],
    ['http://h/samples', 404, 'application/problem+json'],
  ] as const) {
    const head = `POST ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n`;
    const answer = parseAnswer(await exchangeRaw(port, `${head}Content-Length: 0\r\n\r\n`));
    assert.equal(answer.status, status, target);
    assert.ok(answer.head.toLowerCase().includes(`content-type: ${type}\r\n`), answer.head);
  }
});

test('what is refused before there is a route reads as the route tells errors', async (context) => {
  const { origin } = await start(context, fakeEngine(), ['--max-body-size', '1KiB']);
  const response = await infer(origin, 'svalabs', { inputs: ['x'.repeat(2000)] });
  assert.equal(response.status, 413);
  assert.equal(((await response.json()) as Terse).error.code, 'body_too_large');
});

test('what a stop leaves unanswered reads as the route tells errors', async (context) => {
  const engine = fakeEngine();
  const { asked } = engine.hold();
  const { origin, service } = await start(context, engine);
  const waiting = infer(origin, 'svalabs', { inputs: ['a'] });
  await asked();
  await service.stop(1);
  const response = await waiting;
  assert.equal(response.status, 503);
  assert.equal(((await response.json()) as Terse).error.code, 'draining');
});

test('a path prefix holds for every path, and nothing is served without it', async (context) => {
  const { origin, port } = await start(context, fakeEngine(), ['--path-prefix', '/project']);
  assert.ok(origin.endsWith('/project'));
  for (const path of ['', '/', '/health', '/openapi.json', '/sample/models']) {
    assert.equal((await fetch(origin + path)).status, 200, path);
  }
  const root = `http://127.0.0.1:${port}`;
  for (const path of ['/', '/health', '/openapi.json', '/sample/models', '/projects']) {
    const response = await fetch(root + path);
    assert.equal(response.status, 404, path);
    const { detail } = (await response.json()) as { detail: string };
    assert.equal(detail, 'Nothing is served here; GET /project lists the routes.');
  }
  const index = (await (await fetch(origin)).json()) as { routes: { path: string }[] };
  assert.deepEqual(
    index.routes.map(({ path }) => path),
    [
      '/project/sample/models',
      '/project/sample/models/{model}/infer',
      '/project/sample/models/{model}/warm-up',
      '/project/sample/count',
      '/project/sample/process',
    ],
  );
});

test('an answer that cannot be sent ends its connection and is logged, and the service goes on', async (context) => {
  const broken = operation({
    method: 'GET',
    path: '',
    summary: 'Answer with a header that is none',
    response: z.null(),
    asksModels: false,
    answer: (_, call) => {
      call.header('chorus-test', 'a line\nand another');
      return null;
    },
  });
  const { origin, log, post } = await startTestService(context, fakeEngine(), [], {
    contracts: {
      ...contracts,
      broken: contract({
        ...{ tasks: ['classification'], asksOneModel: false, errors: terse, options: noOptions },
        operations: () => [broken],
      }),
    },
    routes: [
      { path: '/broken', contract: 'broken', models: MODELS, ...usualRoute },
      { path: '/process', contract: 'process', models: MODELS, ...usualRoute },
    ],
  });
  await assert.rejects(fetch(`${origin}/broken`), /fetch failed/);
  assert.match(log(), /"reason":"internal".*ERR_INVALID_CHAR/);
  assert.equal((await post('"a"')).status, 200);
});
