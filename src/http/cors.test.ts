/**
 * What a browser is told, of answers, of errors and of refusals that come before anything is looked at.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { newKey } from '../keys/new-key.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { folderFor } from '../testing/folder.js';
import { startTestService } from '../testing/test-service.js';

const PAGE = 'https://app.example';

/** Of an answer: its status, and what it says to browsers. */
function told({ status, headers }: Response) {
  const get = (name: string) => headers.get(name);
  return { status, origin: get('access-control-allow-origin'), vary: get('vary') };
}

async function start(context: TestContext, origins: string, flags: readonly string[] = []) {
  const engine = fakeEngine();
  const service = await startTestService(context, engine, ['--cors-origins', origins, ...flags]);
  const preflight = (origin: string, path = '/process') =>
    fetch(service.origin + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  return { ...service, engine, preflight };
}

test('a page of a listed origin reads answers and errors, and what they say besides', async (context) => {
  const { post } = await start(context, `${PAGE},http://localhost:3000`);
  for (const origin of [PAGE, 'http://localhost:3000']) {
    const answer = await post('"a"', { origin });
    assert.deepEqual(told(answer), { status: 200, origin, vary: 'Origin' });
    const exposed = answer.headers.get('access-control-expose-headers')?.split(', ') ?? [];
    for (const name of ['x-request-id', 'x-cache', 'server-timing', 'retry-after']) {
      assert.ok(exposed.includes(name), name);
    }
    assert.equal(answer.headers.get('access-control-allow-credentials'), null);
    assert.deepEqual(told(await post('{', { origin })), { status: 400, origin, vary: 'Origin' });
  }
});

test('one of another origin reads nothing, and caches keep the two apart', async (context) => {
  const { post, preflight } = await start(context, PAGE);
  for (const origin of ['https://app.example.evil', 'null', 'http://app.example']) {
    assert.deepEqual(told(await post('"a"', { origin })), {
      status: 200,
      origin: null,
      vary: 'Origin',
    });
    const asked = await preflight(origin);
    assert.deepEqual(told(asked), { status: 204, origin: null, vary: 'Origin' });
    assert.equal(asked.headers.get('access-control-allow-methods'), null);
  }
  assert.deepEqual(told(await post('"a"')), { status: 200, origin: null, vary: 'Origin' });
});

test('* is every origin, and answers are the same for all', async (context) => {
  const { post, preflight } = await start(context, '*');
  const any = { origin: '*', vary: null };
  assert.deepEqual(told(await post('"a"', { origin: PAGE })), { status: 200, ...any });
  assert.deepEqual(told(await preflight('null')), { status: 204, ...any });
});

test('a preflight is answered before a key is asked for, on paths that are not served, too', async (context) => {
  const file = join(folderFor(context), 'keys');
  const { key, line } = newKey('web');
  writeFileSync(file, line);
  const { post, preflight, origin } = await start(context, PAGE, ['--api-keys-file', file]);
  for (const path of ['/process', '/nowhere']) {
    const { status, headers } = await preflight(PAGE, path);
    assert.equal(status, 204);
    assert.equal(headers.get('access-control-allow-origin'), PAGE);
    assert.equal(headers.get('access-control-allow-methods'), 'GET, HEAD, POST');
    const allowed = headers.get('access-control-allow-headers')?.split(', ') ?? [];
    for (const name of ['x-api-key', 'authorization', 'content-type']) {
      assert.ok(allowed.includes(name), name);
    }
  }
  const refused = await post('"a"', { origin: PAGE });
  assert.deepEqual(told(refused), { status: 401, origin: PAGE, vary: 'Origin' });
  const letIn = await post('"a"', { origin: PAGE, 'x-api-key': key });
  assert.deepEqual(told(letIn), { status: 200, origin: PAGE, vary: 'Origin' });
  // Not a preflight: nobody asks what may be done.
  assert.equal((await fetch(`${origin}/process`, { method: 'OPTIONS' })).status, 405);
});

test('what is refused at its header has the headers, too', async (context) => {
  const { post, engine } = await start(context, PAGE, ['--max-open-requests', '1']);
  const { release, asked } = engine.hold();
  const open = post('"a"');
  await asked();
  assert.deepEqual(told(await post('"b"', { origin: PAGE })), {
    status: 503,
    origin: PAGE,
    vary: 'Origin',
  });
  release();
  await open;
});

test('without the setting browsers are told nothing', async (context) => {
  const { post } = await startTestService(context);
  assert.deepEqual(told(await post('"a"', { origin: PAGE })), {
    status: 200,
    origin: null,
    vary: null,
  });
});
