import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { TestHub } from './hub.js';
import { CONFIG, REPO, WEIGHTS, bearer, bytesOf, sampleHub, sha256Of } from './sample-hub.js';

const CONFIG_URL = `/${REPO}/resolve/main/config.json`;
const WEIGHTS_URL = `/${REPO}/resolve/main/model.safetensors`;

test('a plain file is behind a relative redirect on the same origin', async (context) => {
  const { hub, get, commit } = await sampleHub(context);
  const answer = await get(CONFIG_URL);
  assert.equal(answer.status, 307);
  assert.equal(answer.headers.get('x-repo-commit'), commit);
  const location = answer.headers.get('location') ?? '';
  assert.ok(location.startsWith(`/api/resolve-cache/models/${REPO}/${commit}/config.json?`));
  const file = await get(location);
  assert.equal(await file.text(), CONFIG);
  assert.equal(file.headers.get('etag'), answer.headers.get('x-linked-etag'));
  assert.deepEqual(
    hub.requests.map(({ on, subject }) => [on, subject]),
    [
      ['hub', `${REPO}/config.json`],
      ['hub', `${REPO}/config.json`],
    ],
  );
});

test('a hub without the redirect serves a plain file at once', async (context) => {
  const { get, commit } = await sampleHub(context, {}, { resolveCache: false });
  for (const method of ['GET', 'HEAD']) {
    const answer = await get(CONFIG_URL, { method });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('x-repo-commit'), commit);
    assert.match(answer.headers.get('etag') ?? '', /^"[0-9a-f]{40}"$/);
    assert.equal(answer.headers.get('content-length'), String(CONFIG.length));
    assert.equal(await answer.text(), method === 'GET' ? CONFIG : '');
  }
});

test('an LFS file is on another origin, and its hash in the redirect', async (context) => {
  const { hub, get, commit } = await sampleHub(context);
  for (const method of ['GET', 'HEAD']) {
    const answer = await get(WEIGHTS_URL, { method });
    assert.equal(answer.status, 302);
    assert.equal(answer.headers.get('x-repo-commit'), commit);
    assert.equal(answer.headers.get('x-linked-etag'), `"${sha256Of(WEIGHTS)}"`);
    assert.equal(answer.headers.get('x-linked-size'), String(WEIGHTS.length));
    assert.equal(answer.headers.get('accept-ranges'), 'bytes');
    const location = new URL(answer.headers.get('location') ?? '');
    assert.equal(location.origin, hub.cdnOrigin);
    assert.ok(location.searchParams.has('Signature'));
  }
});

test('the CDN serves bytes under an ETag that is not the hash of the file', async (context) => {
  const { get } = await sampleHub(context);
  const answer = await get(WEIGHTS_URL, { redirect: 'follow' });
  assert.deepEqual(await bytesOf(answer), WEIGHTS);
  const etag = answer.headers.get('etag') ?? '';
  assert.match(etag, /^"[0-9a-f]{64}"$/);
  assert.notEqual(etag, `"${sha256Of(WEIGHTS)}"`);
});

test('the CDN refuses an address that the hub did not sign', async (context) => {
  const { hub } = await sampleHub(context);
  assert.equal((await fetch(`${hub.cdnOrigin}/xet-bridge/a/b?Signature=c`)).status, 403);
});

test('a token that reaches the CDN is seen', async (context) => {
  const { hub, get } = await sampleHub(context);
  await get(WEIGHTS_URL, { ...bearer('hf_valid'), redirect: 'follow' });
  assert.deepEqual(
    hub.requests.map(({ on, authorized }) => [on, authorized]),
    [
      ['hub', true],
      ['cdn', false],
    ],
  );
  assert.equal(hub.tokenLeaked, false);
  const location = (await get(WEIGHTS_URL)).headers.get('location') ?? '';
  await fetch(location, bearer('hf_valid'));
  assert.equal(hub.tokenLeaked, true);
});

for (const [range, start, end] of [
  ['bytes=0-0', 0, 1],
  ['bytes=599990-', 599_990, 600_000],
  ['bytes=-10', 599_990, 600_000],
  ['bytes=300000-900000', 300_000, 600_000],
] as const) {
  test(`the CDN answers ${range} with that part`, async (context) => {
    const { hub, get } = await sampleHub(context);
    const answer = await get(WEIGHTS_URL, { redirect: 'follow', headers: { Range: range } });
    assert.equal(answer.status, 206);
    assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end - 1}/600000`);
    assert.deepEqual(await bytesOf(answer), WEIGHTS.subarray(start, end));
    assert.equal(hub.requests[1]?.range, range);
    assert.equal(hub.requests[1].bytes, end - start);
  });
}

test('a range after the end is 416', async (context) => {
  const { get } = await sampleHub(context);
  const headers = { Range: 'bytes=600000-' };
  const answer = await get(WEIGHTS_URL, { redirect: 'follow', headers });
  assert.equal(answer.status, 416);
  assert.equal(answer.headers.get('content-range'), 'bytes */600000');
});

test('a range of another version is answered with everything', async (context) => {
  const { get } = await sampleHub(context);
  const headers = { Range: 'bytes=1-', 'If-Range': '"other"' };
  assert.equal((await get(WEIGHTS_URL, { redirect: 'follow', headers })).status, 200);
});

test('a file that a client has already is 304', async (context) => {
  const { get } = await sampleHub(context, {}, { resolveCache: false });
  const etag = (await get(CONFIG_URL)).headers.get('etag') ?? '';
  assert.equal((await get(CONFIG_URL, { headers: { 'If-None-Match': etag } })).status, 304);
});

test('raw gives the pointer of an LFS file', async (context) => {
  const { get } = await sampleHub(context);
  const text = await (await get(`/${REPO}/raw/main/model.safetensors`)).text();
  const hash = sha256Of(WEIGHTS);
  assert.equal(
    text,
    `version https://git-lfs.github.com/spec/v1\noid sha256:${hash}\nsize 600000\n`,
  );
});

test('a missing file is 404 and says of which commit', async (context) => {
  const { get, commit } = await sampleHub(context);
  const answer = await get(`/${REPO}/resolve/main/none.json`);
  assert.equal(answer.status, 404);
  assert.equal(answer.headers.get('x-error-code'), 'EntryNotFound');
  assert.equal(answer.headers.get('x-repo-commit'), commit);
  assert.equal(await answer.text(), 'Entry not found');
});

test('a file of a pull request differs from that of main', async (context) => {
  const { hub, get } = await sampleHub(context);
  await hub.addCommit(REPO, { ref: 'refs/pr/1', files: { 'config.json': 'pr' } });
  const url = `/${REPO}/resolve/refs%2Fpr%2F1/config.json`;
  assert.equal(await (await get(url, { redirect: 'follow' })).text(), 'pr');
  assert.equal(await (await get(CONFIG_URL, { redirect: 'follow' })).text(), CONFIG);
});

test('a renamed repository redirects to its new name', async (context) => {
  const { hub, get } = await sampleHub(context);
  hub.rename('old/name', REPO);
  for (const path of [
    '/resolve/main/config.json',
    '/resolve/main/model.safetensors?download=true',
  ]) {
    const answer = await get(`/old/name${path}`);
    assert.equal(answer.status, 307);
    assert.equal(answer.headers.get('location'), `/${REPO}${path}`);
  }
  const info = await get('/api/models/old/name', { redirect: 'follow' });
  assert.equal(((await info.json()) as { id: string }).id, REPO);
});

test('a file on disk is served like one in memory', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'chorus-hub-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'weights');
  await writeFile(file, WEIGHTS);
  const { get } = await sampleHub(context, { files: { 'a b/é.bin': { file } } });
  const url = `/${REPO}/resolve/main/a%20b/%C3%A9.bin`;
  const whole = await get(url, { redirect: 'follow' });
  assert.deepEqual(await bytesOf(whole), WEIGHTS);
  const headers = { Range: 'bytes=262143-262145' };
  const part = await get(url, { redirect: 'follow', headers });
  assert.deepEqual(await bytesOf(part), WEIGHTS.subarray(262_143, 262_146));
});

test('a failure of the hub itself comes out when it closes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chorus-hub-'));
  const file = join(folder, 'weights');
  await writeFile(file, WEIGHTS);
  const hub = await TestHub.start();
  await hub.addRepo({ repo: REPO, files: { 'model.safetensors': { file } } });
  await rm(folder, { recursive: true });
  await assert.rejects(fetch(hub.endpoint + WEIGHTS_URL).then(bytesOf), TypeError);
  await assert.rejects(hub.close(), { code: 'ENOENT' });
});

test('a repository in Xet offers it to clients that ask', async (context) => {
  const { get } = await sampleHub(context, { xet: true });
  const plain = await get(WEIGHTS_URL);
  assert.equal(plain.status, 302);
  assert.match(plain.headers.get('x-xet-hash') ?? '', /^[0-9a-f]{64}$/);
  const headers = { Accept: 'application/vnd.xet-fileinfo+json, */*' };
  const asked = await get(WEIGHTS_URL, { headers });
  assert.equal(asked.status, 200);
  assert.equal(asked.headers.get('content-type'), 'application/vnd.xet-fileinfo+json');
  assert.match(asked.headers.get('link') ?? '', /rel="xet-auth".*rel="xet-reconstruction-info"/);
});

test('the hub knows how much was open at once', async (context) => {
  const { hub, get } = await sampleHub(context);
  hub.fault({ kind: 'stall', afterBytes: 10, on: 'cdn', times: 3 });
  const abort = new AbortController();
  const init = { redirect: 'follow', signal: abort.signal } as const;
  await Promise.all([1, 2, 3].map(() => get(WEIGHTS_URL, init)));
  assert.deepEqual(hub.peak.cdn, { connections: 3, requests: 3 });
  abort.abort();
});
