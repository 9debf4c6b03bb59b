import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { test } from 'node:test';

import { startTestService } from '../testing/test-service.js';

const POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** What a document refers to, as it is written there. */
function references(html: string): string[] {
  return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
}

for (const prefix of ['', '/project']) {
  test(`below ${prefix || 'no prefix'} the page and all that it refers to is there`, async (context) => {
    const flags = prefix === '' ? [] : ['--path-prefix', prefix];
    const { origin } = await startTestService(context, undefined, flags);
    const page = await fetch(`${origin}/docs`);
    assert.equal(page.status, 200);
    const needed = references(await page.text());
    assert.ok(needed.includes('openapi.json') && needed.length >= 5);
    for (const path of needed) {
      const { status, headers } = await fetch(new URL(path, page.url));
      assert.equal(status, 200, path);
      if (path !== 'openapi.json') assert.equal(headers.get('x-content-type-options'), 'nosniff');
    }
  });
}

test('the page may load what is served here, and nothing else', async (context) => {
  const { origin } = await startTestService(context);
  const { headers } = await fetch(`${origin}/docs`);
  assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
  assert.equal(headers.get('referrer-policy'), 'no-referrer');
  const directives = (headers.get('content-security-policy') ?? '').split('; ');
  assert.deepEqual(Object.fromEntries(directives.map((one) => one.split(/ (.*)/, 2))), POLICY);
});

test('a file is sent byte for byte with its type, and not again to who has it', async (context) => {
  const { origin, metrics } = await startTestService(context);
  const url = `${origin}/docs/page.js`;
  const response = await fetch(url);
  const etag = response.headers.get('etag') ?? '';
  assert.match(etag, /^"[\w-]{43}"$/);
  assert.equal(response.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(response.headers.get('cache-control'), 'no-cache');
  const file = readFileSync(new URL('../../docs-page/page.js', import.meta.url));
  assert.ok(file.equals(Buffer.from(await response.arrayBuffer())));
  for (const [known, status] of [
    [etag, 304],
    [`"other", W/${etag}`, 304],
    ['*', 304],
    ['"other"', 200],
  ] as const) {
    // `fetch` would add that it wants it fresh.
    const request = get(url, { headers: { 'if-none-match': known } });
    const [again] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(again.statusCode, status, known);
    assert.equal(again.headers.etag, etag);
    const body = Buffer.concat(await again.toArray());
    assert.equal(body.length, status === 304 ? 0 : file.length);
  }
  assert.match(
    await metrics(),
    /duration_seconds_count\{.*http_route="\/docs\/page\.js",.*"304",.*\} 3$/m,
  );
});

test('HEAD has the headers of GET and no body', async (context) => {
  const { origin } = await startTestService(context);
  const url = `${origin}/docs/swagger-ui.css`;
  const [head, get] = [await fetch(url, { method: 'HEAD' }), await fetch(url)];
  const { byteLength } = await get.arrayBuffer();
  assert.equal(head.headers.get('content-length'), String(byteLength));
  assert.equal(head.headers.get('etag'), get.headers.get('etag'));
  assert.equal((await head.arrayBuffer()).byteLength, 0);
});

test('what is not listed is not there, however it is asked for', async (context) => {
  const { origin } = await startTestService(context);
  for (const name of [
    'index.html',
    'swagger-ui.js',
    'package.json',
    '..%2fpackage.json',
    '%2e%2e/package.json',
    'page.js%00',
    'PAGE.JS',
  ]) {
    const response = await fetch(`${origin}/docs/${name}`);
    assert.equal(response.status, 404, name);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
  }
  const posted = await fetch(`${origin}/docs`, { method: 'POST', body: '{}' });
  assert.equal(posted.status, 405);
  assert.equal(posted.headers.get('allow'), 'HEAD, GET');
});

test('with a slash behind it the page is found where its references lead somewhere', async (context) => {
  const { origin } = await startTestService(context, undefined, ['--path-prefix', '/project']);
  const response = await fetch(`${origin}/docs/`);
  assert.equal(response.url, `${origin}/docs`);
  assert.equal(response.status, 200);
});
