import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { ServiceError } from '../errors/service-error.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { startTestService } from '../testing/test-service.js';
import { usualRoute } from '../testing/usual-route.js';

const MODELS = ['svalabs'];

function start(context: TestContext, engine = fakeEngine(), flags: readonly string[] = []) {
  return startTestService(context, engine, flags, {
    routes: [
      { path: '/process', contract: 'process', models: MODELS, ...usualRoute },
      { path: '/nightly', contract: 'process', models: MODELS, ...usualRoute, priority: 'batch' },
      { path: '/old', contract: 'process', models: MODELS, ...usualRoute, overloadStatus: 429 },
    ],
  });
}

interface Problem {
  readonly status: number;
  readonly detail: string;
  readonly retry_after_ms?: number;
}

async function problemOf(response: Response): Promise<Problem> {
  return (await response.json()) as Problem;
}

test('a client states how long it waits, and never for longer than the service does', async (context) => {
  const engine = fakeEngine();
  const { post } = await start(context, engine, ['--answer-timeout', '5s']);
  for (const [stated, deadline] of [
    [undefined, 5000],
    ['800', 800],
    ['60000', 5000],
  ] as const) {
    const answer = await post('"a"', stated === undefined ? {} : { 'chorus-deadline': stated });
    assert.equal(answer.status, 200);
    assert.equal(engine.requests.at(-1)?.deadlineMs, deadline);
  }
});

test('where the service waits for ever, a client still need not', async (context) => {
  const engine = fakeEngine();
  const { post } = await start(context, engine, ['--answer-timeout', '0s']);
  await post('"a"', { 'chorus-deadline': '800' });
  assert.equal(engine.requests.at(-1)?.deadlineMs, 800);
});

test('the class is that of the route, or of the request where it states one', async (context) => {
  const engine = fakeEngine();
  const { origin } = await start(context, engine);
  for (const [path, stated, priority] of [
    ['/process', undefined, 'interactive'],
    ['/process', 'batch', 'batch'],
    ['/nightly', undefined, 'batch'],
    ['/nightly', 'interactive', 'interactive'],
  ] as const) {
    const headers = stated === undefined ? {} : { 'chorus-priority': stated };
    await fetch(origin + path, { method: 'POST', body: '"a"', headers });
    assert.equal(engine.requests.at(-1)?.priority, priority, path);
  }
});

test('what a header cannot say is refused, with what it can', async (context) => {
  const { post } = await start(context);
  for (const [name, value, expected] of [
    ['chorus-deadline', '0', /number of milliseconds, such as 800/],
    ['chorus-deadline', '1.5s', /number of milliseconds/],
    ['chorus-deadline', '-3', /number of milliseconds/],
    ['chorus-deadline', '', /number of milliseconds/],
    ['chorus-deadline', '9'.repeat(30), /number of milliseconds/],
    ['chorus-priority', 'high', /interactive or batch/],
  ] as const) {
    const response = await post('"a"', { [name]: value });
    assert.equal(response.status, 400, value);
    assert.match((await problemOf(response)).detail, expected);
  }
});

test('what is refused for load says for how long, by the status that its route is known for', async (context) => {
  const engine = fakeEngine();
  const { origin } = await start(context, engine);
  engine.infer = () => {
    const error = new ServiceError('queue_wait', 'Too long.', { retryAfterMs: 7200 });
    return { answer: Promise.reject(error), cancel: () => undefined };
  };
  for (const [path, status] of [
    ['/process', 503],
    ['/old', 429],
  ] as const) {
    const response = await fetch(origin + path, { method: 'POST', body: '"a"' });
    const told = await problemOf(response);
    assert.deepEqual([response.status, told.status], [status, status]);
    const seconds = Number(response.headers.get('retry-after'));
    assert.ok(seconds >= 8 && seconds <= 9, String(seconds));
    assert.ok((told.retry_after_ms ?? 0) >= 7200);
  }
  const missing = await fetch(`${origin}/old/nothing`);
  assert.equal(missing.status, 404, 'other errors keep theirs');
});

test('who is late is told how much time the request had, however little was left for the models', async (context) => {
  const engine = fakeEngine();
  const { origin } = await start(context, engine);
  const late = new ServiceError('deadline_exceeded', 'no answer within 0 ms');
  engine.infer = () => ({ answer: Promise.reject(late), cancel: () => undefined });
  const headers = { 'chorus-deadline': '10' };
  const told = await problemOf(
    await fetch(`${origin}/process`, { method: 'POST', headers, body: '"a"' }),
  );
  assert.deepEqual([told.status, told.detail], [503, 'No answer within 10 ms.']);
});
