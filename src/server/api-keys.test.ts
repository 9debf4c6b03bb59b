/**
 * Keys over real sockets: who gets in, what others are told, and what nobody ever sees.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { newKey } from '../keys/new-key.js';
import { contracts } from '../routes/index.js';
import type { OpenApiDocument } from '../routes/openapi.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { folderFor } from '../testing/folder.js';
import { exchangeRaw, parseAnswer, received } from '../testing/raw-socket.js';
import { sampleContract } from '../testing/sample-contract.js';
import { startTestService } from '../testing/test-service.js';
import { usualRoute } from '../testing/usual-route.js';

const models = ['svalabs', 'cardiffnlp'];
const [web, phone] = [newKey('web'), newKey('phone')];

const routes = [
  { path: '/process', contract: 'process', models, ...usualRoute },
  { path: '/open', contract: 'process', models, ...usualRoute, keys: 'none' as const },
  { path: '/phones', contract: 'process', models, ...usualRoute, keys: ['phone'] },
  { path: '/sample', contract: 'sample', models, ...usualRoute },
];

async function start(context: TestContext, flags: readonly string[] = []) {
  const file = join(folderFor(context), 'keys');
  const write = (...lines: readonly string[]) => {
    writeFileSync(file, `${lines.join('\n')}\n`);
  };
  write(web.line, phone.line);
  const parts = { routes, contracts: { ...contracts, sample: sampleContract } };
  const all = ['--api-keys-file', file, ...flags];
  const service = await startTestService(context, fakeEngine(), all, parts);
  return {
    ...service,
    write,
    reload: async () => {
      const response = await fetch(`${service.adminOrigin}/reload`, { method: 'POST' });
      return { status: response.status, detail: await response.text() };
    },
    ask: (path: string, headers: Record<string, string> = {}) =>
      fetch(`${service.origin}${path}`, { method: 'POST', body: '"a"', headers }),
  };
}

test('a key is taken in either header, and its name is counted and logged, never itself', async (context) => {
  const { ask, metrics, log } = await start(context, ['--log-level', 'trace']);
  const shown = [
    { 'x-api-key': web.key },
    { authorization: `Bearer ${web.key}` },
    { authorization: `bearer  ${web.key}` },
    // A proxy's own, beside it.
    { authorization: 'Bearer another', 'x-api-key': web.key },
  ];
  for (const headers of shown) assert.equal((await ask('/process', headers)).status, 200);
  const counts = await metrics();
  assert.match(counts, /^chorus_key_requests_total\{key="web"\} 4$/m);
  assert.match(counts, /^chorus_key_requests_total\{key="phone"\} 0$/m);
  assert.match(log(), /"key":"web"/);
  for (const secret of [web.key, web.line.slice(-64)]) {
    assert.ok(!log().includes(secret) && !counts.includes(secret));
  }
});

test('without a key, with a wrong one and with one for other routes it is 401, 401 and 403', async (context) => {
  const { ask, metrics, log } = await start(context);
  const refused = [
    [{}, 401, 'key_missing', 'Bearer realm="chorus"'],
    [{ authorization: 'Basic d2ViOndlYg==' }, 401, 'key_missing', 'Bearer realm="chorus"'],
    [{ 'x-api-key': '' }, 401, 'key_missing', 'Bearer realm="chorus"'],
    [
      { 'x-api-key': 'a-wrong-key' },
      401,
      'key_unknown',
      'Bearer realm="chorus", error="invalid_token"',
    ],
    [
      { 'x-api-key': web.key },
      403,
      'key_not_allowed',
      'Bearer realm="chorus", error="insufficient_scope"',
    ],
  ] as const;
  for (const [headers, status, reason, challenge] of refused) {
    const response = await ask('/phones', headers);
    const text = await response.text();
    assert.equal(response.status, status);
    assert.equal(response.headers.get('www-authenticate'), challenge);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    assert.equal((JSON.parse(text) as { reason: string }).reason, reason);
    assert.doesNotMatch(text, /a-wrong-key|d2ViOndlYg|chorus_/);
  }
  assert.equal((await ask('/phones', { 'x-api-key': phone.key })).status, 200);
  assert.match(await metrics(), /^chorus_request_errors_total\{reason="key_unknown"\} 1$/m);
  assert.doesNotMatch(log(), /a-wrong-key|d2ViOndlYg/);
});

test('a contract tells it in its own format', async (context) => {
  const { origin } = await start(context);
  const response = await fetch(`${origin}/sample/models`);
  assert.equal(response.status, 401);
  const { error } = (await response.json()) as { error: { code: string } };
  assert.equal(error.code, 'key_missing');
});

test('an open route and /health take no key, what the service tells of itself does', async (context) => {
  const { ask, origin } = await start(context);
  assert.equal((await ask('/open')).status, 200);
  assert.equal((await ask('/open', { 'x-api-key': 'wrong' })).status, 200);
  const headers = { 'x-api-key': phone.key };
  for (const [path, status] of [
    ['/health', 200],
    ['/', 401],
    ['/openapi.json', 401],
  ] as const) {
    assert.equal((await fetch(origin + path)).status, status, path);
    assert.equal((await fetch(origin + path, { headers })).status, 200, path);
  }
});

test('who has no key is told so before the body is read, or invited', async (context) => {
  const { port } = await start(context);
  const head = 'POST /process HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n';
  const invited = await exchangeRaw(port, `${head}Expect: 100-continue\r\n\r\n`);
  assert.equal(parseAnswer(invited).status, 401);
  const socket = connect(port, '127.0.0.1');
  socket.write(`${head}\r\n`);
  assert.equal(parseAnswer(await received(socket)).status, 401);
});

test('after a reload new keys count and old ones do not; a faulty file changes nothing', async (context) => {
  const { ask, write, reload, metrics, log } = await start(context);
  const next = newKey('next');
  write(next.line, 'chorus_this-is-a-key-by-mistake');
  const failed = await reload();
  assert.equal(failed.status, 422);
  assert.match(failed.detail, /keys:2: must be NAME:sha256:HEX/);
  assert.match(await metrics(), /^chorus_files_wrong\{read="keys"\} 1$/m);
  assert.equal((await ask('/process', { 'x-api-key': web.key })).status, 200);
  write(next.line);
  assert.equal((await reload()).status, 200);
  assert.equal((await ask('/process', { 'x-api-key': web.key })).status, 401);
  assert.equal((await ask('/process', { 'x-api-key': next.key })).status, 200);
  assert.match(log(), /"keys":\["phone"\],"msg":"routes name keys that are in no line"/);
  assert.doesNotMatch(log() + failed.detail, /by-mistake/);
  const counts = await metrics();
  assert.match(counts, /^chorus_key_requests_total\{key="next"\} 1$/m);
  assert.doesNotMatch(counts, /key="web"/);
  assert.match(counts, /^chorus_files_read_total\{read="keys",outcome="failed"\} 1$/m);
  assert.match(counts, /^chorus_files_read_total\{read="keys",outcome="done"\} 1$/m);
  assert.match(counts, /^chorus_files_wrong\{read="keys"\} 0$/m);
});

test('openapi.json says where a key is needed, and what is told without', async (context) => {
  const { origin } = await start(context);
  const response = await fetch(`${origin}/openapi.json`, { headers: { 'x-api-key': web.key } });
  const { paths, components } = (await response.json()) as OpenApiDocument;
  assert.deepEqual(Object.keys(components.securitySchemes as object), ['bearer', 'header']);
  assert.deepEqual(paths['/process']?.post?.security, [{ bearer: [] }, { header: [] }]);
  const told = Object.keys(paths['/process'].post.responses);
  assert.ok(told.includes('401') && told.includes('403'));
  for (const [path, method] of [
    ['/open', 'post'],
    ['/health', 'get'],
  ] as const) {
    const operation = paths[path]?.[method];
    assert.ok(operation !== undefined, path);
    assert.equal(operation.security, undefined, path);
    assert.equal(operation.responses['401'], undefined, path);
  }
});

test('the page at /docs is open and says nothing of the service, whose document asks for a key', async (context) => {
  const { origin } = await start(context);
  const page = await fetch(`${origin}/docs`);
  assert.equal(page.status, 200);
  assert.doesNotMatch(await page.text(), /svalabs|phones/);
  assert.equal((await fetch(`${origin}/docs/page.js`)).status, 200);
  assert.equal((await fetch(`${origin}/openapi.json`)).status, 401);
});
