import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { ServiceError, type InputFault } from '../../errors/service-error.js';
import { fakeBest, fakeEngine } from '../../testing/fake-engine.js';
import { startTestService } from '../../testing/test-service.js';
import { usualRoute } from '../../testing/usual-route.js';

interface ProblemBody {
  readonly reason: string;
  readonly detail: string;
  readonly errors?: readonly InputFault[];
}

/** What `models` answer to `text`, as the contract writes it. */
function answerOf(text: string, ...models: readonly string[]): string {
  const entries = models.map((name) => `"${name}":${JSON.stringify(fakeBest(name, text))}`);
  return `{${entries.join(',')}}`;
}

test('a JSON string is answered by every model, in order, score first', async (context) => {
  const { post } = await startTestService(context);
  const response = await post('"hello"', { 'content-type': 'application/json' });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.equal(response.headers.get('chorus-truncated'), null);
  const text = await response.text();
  assert.equal(text, answerOf('hello', 'cardiffnlp', 'ivanlau', 'svalabs'));
  assert.match(text, /^\{"cardiffnlp":\{"score":0\.\d+,"label":"[A-Z]+"\},"ivanlau":/);
});

test('a route asks its own models, in its order', async (context) => {
  const engine = fakeEngine();
  const models = ['svalabs', 'cardiffnlp'];
  const routes = [{ path: '/process', contract: 'process', models, ...usualRoute }];
  const { post } = await startTestService(context, engine, [], { routes });
  assert.equal(await (await post('"hello"')).text(), answerOf('hello', ...models));
  assert.deepEqual(engine.requests, [
    {
      texts: [{ text: 'hello', models }],
      deadlineMs: 30_000,
      priority: 'interactive',
      fresh: false,
    },
  ]);
});

test('a model whose name looks like a number keeps its place', async (context) => {
  const engine = fakeEngine({}, { b: ['yes', 'no'], 7: ['yes', 'no'], a: ['yes', 'no'] });
  const routes = [
    { path: '/process', contract: 'process', models: ['b', '7', 'a'], ...usualRoute },
  ];
  const { post } = await startTestService(context, engine, [], { routes });
  assert.match(await (await post('"hello"')).text(), /^\{"b":.*"7":.*"a":/);
});

test('the answer says where its time went', async (context) => {
  const { post } = await startTestService(context);
  const response = await post('"hello"');
  assert.match(
    response.headers.get('server-timing') ?? '',
    /^tokenization;dur=0\.25, queue;dur=1\.50, inference;dur=12\.00, total;dur=\d+\.\d\d$/,
  );
});

test('the content type does not matter unless it says that the bytes are not JSON', async (context) => {
  const { post } = await startTestService(context);
  for (const type of [
    'application/x-www-form-urlencoded',
    'application/json',
    'application/json; charset=utf-8',
    'application/json; charset="UTF-8"',
    'text/plain;charset=utf8',
    'application/octet-stream',
    'nonsense',
    '///',
    '; charset=utf-8',
  ]) {
    const response = await post('"hello"', { 'content-type': type });
    assert.equal(response.status, 200, type);
  }
  assert.equal((await post(Buffer.from('"hello"'))).status, 200, 'no content type');
});

for (const [type, why] of [
  ['multipart/form-data; boundary=x', 'multipart'],
  ['application/json; charset=latin1', 'latin1'],
  ['text/plain; CHARSET=utf-16', 'utf-16'],
] as const) {
  test(`${why} is refused with 415`, async (context) => {
    const { post } = await startTestService(context);
    const response = await post(Buffer.from('"hello"'), { 'content-type': type });
    assert.equal(response.status, 415);
    assert.equal(((await response.json()) as ProblemBody).reason, 'unsupported_media_type');
  });
}

for (const [what, body, encoding] of [
  ['gzip', gzipSync('"hello"'), 'gzip'],
  ['a broken gzip', Buffer.from('no gzip'), 'gzip'],
  ['br', Buffer.from('x'), 'br'],
  ['a nested encoding', Buffer.from('x'), 'gzip, gzip'],
] as const) {
  test(`${what} is refused with 415`, async (context) => {
    const { post } = await startTestService(context);
    const response = await post(body, { 'content-encoding': encoding });
    assert.equal(response.status, 415);
    assert.equal(((await response.json()) as ProblemBody).reason, 'unsupported_content_encoding');
  });
}

test('the encoding identity is no encoding', async (context) => {
  const { post } = await startTestService(context);
  assert.equal((await post('"hello"', { 'content-encoding': 'Identity' })).status, 200);
});

for (const text of ['', ' ', '\u0000\u0007\u200b', '\t\n', '👍🏽👩‍👩‍👧', 'שלום']) {
  test(`${JSON.stringify(text)} is a text like any other`, async (context) => {
    const engine = fakeEngine();
    const { post } = await startTestService(context, engine);
    assert.equal((await post(JSON.stringify(text))).status, 200);
    assert.deepEqual(engine.seen, [text]);
  });
}

test('a byte order mark is not part of the text', async (context) => {
  const engine = fakeEngine();
  const { post } = await startTestService(context, engine);
  assert.equal((await post(Buffer.from('\ufeff"hello"'))).status, 200);
  assert.deepEqual(engine.seen, ['hello']);
});

test('a lone surrogate is repaired and counted', async (context) => {
  const engine = fakeEngine();
  const { post, metrics } = await startTestService(context, engine);
  assert.equal((await post('"a\\ud800b"')).status, 200);
  assert.deepEqual(engine.seen, ['a\ufffdb']);
  assert.match(await metrics(), /^chorus_text_repaired_total 1$/m);
});

test('a text cut short names the models that cut it', async (context) => {
  const { post } = await startTestService(context);
  const response = await post(JSON.stringify('long '.repeat(50)));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('chorus-truncated'), 'cardiffnlp, ivanlau, svalabs');
});

for (const [body, status, reason] of [
  ['', 400, 'missing_body'],
  ['hello', 400, 'invalid_json'],
  ['"hello', 400, 'invalid_json'],
  ['["secret"]', 422, 'invalid_input'],
  ['{"text":"secret"}', 422, 'invalid_input'],
  ['{"__proto__":{"polluted":1}}', 422, 'invalid_input'],
  ['7', 422, 'invalid_input'],
  ['null', 422, 'invalid_input'],
] as const) {
  test(`${body || 'no body'} is refused with ${status} and never repeated`, async (context) => {
    const engine = fakeEngine();
    const { post } = await startTestService(context, engine);
    const response = await post(body);
    const text = await response.text();
    assert.equal(response.status, status);
    assert.equal((JSON.parse(text) as ProblemBody).reason, reason);
    assert.doesNotMatch(text, /secret|polluted/);
    assert.deepEqual(engine.seen, []);
  });
}

test('what is not a string is told where and what', async (context) => {
  const { post } = await startTestService(context);
  const { detail, errors } = (await (await post('["a"]')).json()) as ProblemBody;
  const what = 'must be one JSON string, such as "A text to classify", and it is an array';
  assert.equal(detail, `The body ${what}.`);
  assert.deepEqual(errors, [{ pointer: '', detail: what, message: what }]);
});

test('invalid UTF-8 is refused with 400', async (context) => {
  const { post } = await startTestService(context);
  const response = await post(Buffer.from([0x22, 0xff, 0x22]));
  assert.equal(response.status, 400);
  assert.equal(((await response.json()) as ProblemBody).reason, 'invalid_utf8');
});

test('a body above the limit is refused with 413, by its length or while it streams', async (context) => {
  const engine = fakeEngine();
  const { post } = await startTestService(context, engine, ['--max-body-size', '1KiB']);
  const large = `"${'x'.repeat(200_000)}"`;
  for (const body of [large, new Blob([large]).stream()]) {
    const response = await post(body);
    assert.equal(response.status, 413);
    assert.equal(response.headers.get('connection'), 'close');
    assert.equal(((await response.json()) as ProblemBody).reason, 'body_too_large');
  }
  assert.deepEqual(engine.seen, []);
});

test('a chunked body within the limit is read', async (context) => {
  const { post } = await startTestService(context);
  assert.equal((await post(new Blob(['"hello"']).stream())).status, 200);
});

for (const [code, status] of [
  ['queue_full', 503],
  ['draining', 503],
] as const) {
  test(`${code} becomes ${status} with a time to retry`, async (context) => {
    const engine = fakeEngine();
    engine.fail(new ServiceError(code, 'Not now.'));
    const { post, metrics } = await startTestService(context, engine);
    const response = await post('"hello"');
    assert.equal(response.status, status);
    assert.match(response.headers.get('retry-after') ?? '', /^[12]$/);
    assert.equal(((await response.json()) as ProblemBody).reason, code);
    assert.match(
      await metrics(),
      new RegExp(`^chorus_requests_shed_total\\{reason="${code}"\\} 1$`, 'm'),
    );
  });
}

test('a model that fails is named', async (context) => {
  const engine = fakeEngine();
  engine.fail(new ServiceError('inference_failed', 'Model svalabs failed.'));
  const { post, log } = await startTestService(context, engine);
  const response = await post('"hello"');
  assert.equal(response.status, 500);
  assert.equal(((await response.json()) as ProblemBody).detail, 'Model svalabs failed.');
  assert.match(log(), /"reason":"inference_failed"/);
});

test('an answer that takes too long becomes 503 and its work is cancelled', async (context) => {
  const engine = fakeEngine();
  engine.hold();
  const { post } = await startTestService(context, engine, ['--answer-timeout', '1ms']);
  const response = await post('"hello"');
  assert.equal(response.status, 503);
  assert.equal(((await response.json()) as ProblemBody).reason, 'deadline_exceeded');
  assert.deepEqual(
    engine.cancelled.map(({ code }) => code),
    ['deadline_exceeded'],
  );
  assert.equal(engine.requests[0]?.deadlineMs, 1);
});
