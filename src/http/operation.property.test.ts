import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import fc from 'fast-check';

import { fakeEngine, type FakeEngine } from '../testing/fake-engine.js';
import { holds } from '../testing/properties.js';
import { startTestService, type TestService } from '../testing/test-service.js';
import { usualRoute } from '../testing/usual-route.js';

/** A request takes a millisecond. */
const SHARE = 0.5;

function start(context: TestContext, engine: FakeEngine): Promise<TestService> {
  const shapes = ['any', 'list', 'one'];
  return startTestService(context, engine, ['--max-body-size', '64KiB'], {
    routes: [
      { path: '/process', contract: 'process', models: ['svalabs', 'ivanlau'], ...usualRoute },
      ...shapes.map((shape) => ({
        path: `/${shape}`,
        contract: 'predict',
        models: ['svalabs'],
        ...usualRoute,
        options: { shape, max_texts: 3 },
      })),
      { path: '/prediction', contract: 'prediction', models: ['svalabs'], ...usualRoute },
    ],
  });
}

/** Answers a request, or says in the route's format that it is wrong. */
async function isAnswered(response: Response): Promise<void> {
  const type = response.headers.get('content-type');
  const body = (await response.json()) as Record<string, unknown>;
  if (response.status === 200) {
    assert.equal(type, 'application/json');
  } else {
    assert.ok(response.status >= 400 && response.status < 500, JSON.stringify(body));
    assert.equal(type, 'application/problem+json');
    assert.equal(typeof body.detail, 'string');
  }
}

const path = fc.constantFrom('/process', '/any', '/list', '/one', '/prediction');
const text = fc.string({ unit: 'binary', maxLength: 40 });
/** What the contracts take, and what nearly is that. */
const body = fc.oneof(
  fc.jsonValue(),
  text,
  fc.record({ text: fc.oneof(text, fc.array(fc.oneof(text, fc.jsonValue()), { maxLength: 5 })) }),
  fc.record({ text, __proto__: fc.jsonValue() }),
  fc.record({ text, probabilities: fc.oneof(fc.boolean(), fc.jsonValue()) }),
  fc.dictionary(fc.constantFrom('text', 'texts', '__proto__', 'constructor', ''), fc.jsonValue()),
);

test('any JSON value is answered or refused as wrong, and no word of it is logged', async (context) => {
  const { origin, log } = await start(context, fakeEngine());
  await holds(
    fc.asyncProperty(path, body, async (path, body) => {
      const marked = [body, 'qzvxj'].map((part) => JSON.stringify(part));
      await isAnswered(await fetch(origin + path, { method: 'POST', body: marked[0] ?? '' }));
      await isAnswered(await fetch(origin + path, { method: 'POST', body: `[${marked.join()}]` }));
    }),
    SHARE,
  );
  assert.doesNotMatch(log(), /qzvxj|"level":"(?:error|fatal)"|"level":[56]0/);
});

test('any bytes under any type and encoding are answered or refused as wrong', async (context) => {
  const { origin, log } = await start(context, fakeEngine());
  const value = fc.oneof(
    fc.constantFrom(
      'text/plain',
      'multipart/form-data',
      'application/json; charset=',
      'gzip',
      'identity',
      ';',
      '"',
    ),
    fc.string({ unit: 'grapheme-ascii' }),
  );
  const headers = fc.dictionary(fc.constantFrom('content-type', 'content-encoding'), value);
  await holds(
    fc.asyncProperty(
      path,
      fc.uint8Array({ maxLength: 300 }),
      headers,
      async (path, bytes, headers) => {
        await isAnswered(
          await fetch(origin + path, { method: 'POST', body: Buffer.from(bytes), headers }),
        );
      },
    ),
    SHARE,
  );
  assert.doesNotMatch(log(), /"level":"(?:error|fatal)"|"level":[56]0/);
});

test('a text arrives whole, however its bytes are cut into chunks', async (context) => {
  const engine = fakeEngine();
  const { post } = await start(context, engine);
  const cuts = fc.array(fc.nat(200), { maxLength: 6 });
  await holds(
    fc.asyncProperty(text, cuts, async (text, cuts) => {
      const bytes = Buffer.from(JSON.stringify(text));
      const places = [
        0,
        ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b),
        bytes.length,
      ];
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      assert.equal((await post(ReadableStream.from(chunks))).status, 200);
      assert.equal(engine.seen.at(-1), text);
    }),
    SHARE,
  );
});
