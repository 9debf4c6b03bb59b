import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONFIG, REPO, WEIGHTS, bearer, sampleHub, sha256Of } from './sample-hub.js';

const INFO = `/api/models/${REPO}`;
// `printf '{"model_type":"bert"}' | git hash-object --stdin`
const CONFIG_OID = '3967ff7fee9d40eb77abadd6a292230496ca9f24';
const SHA256 = sha256Of(WEIGHTS);

const LFS = { oid: SHA256, size: WEIGHTS.length, pointerSize: 131 };

test('a model says its commit, licence and files', async (context) => {
  const { get, commit } = await sampleHub(context);
  const info = (await (await get(INFO)).json()) as Record<string, unknown>;
  assert.equal(info.id, REPO);
  assert.equal(info.sha, commit);
  assert.deepEqual(info.cardData, { license: 'mit' });
  assert.deepEqual(info.tags, ['license:mit']);
  assert.equal(info.gated, false);
  assert.equal(info.private, false);
  assert.deepEqual(info.siblings, [
    { rfilename: 'config.json' },
    { rfilename: 'model.safetensors' },
    { rfilename: 'onnx/model.onnx' },
  ]);
});

test('a model says sizes and hashes where blobs are asked for', async (context) => {
  const { get } = await sampleHub(context);
  const { siblings } = (await (await get(`${INFO}/revision/main?blobs=true`)).json()) as {
    siblings: { lfs?: unknown }[];
  };
  assert.deepEqual(siblings[0], {
    rfilename: 'config.json',
    size: CONFIG.length,
    blobId: CONFIG_OID,
  });
  assert.deepEqual(siblings[1]?.lfs, { sha256: SHA256, size: WEIGHTS.length, pointerSize: 131 });
});

test('a model says only what is asked for by expand', async (context) => {
  const { get, commit } = await sampleHub(context);
  const info = (await (
    await get(`${INFO}/revision/HEAD?expand=sha&expand=gated`)
  ).json()) as object;
  assert.deepEqual(Object.keys(info), ['_id', 'id', 'sha', 'gated']);
  assert.equal((info as { sha: string }).sha, commit);
});

test('every kind of revision names its commit', async (context) => {
  const { hub, get, commit } = await sampleHub(context);
  const pull = await hub.addCommit(REPO, { ref: 'refs/pr/1', files: { 'config.json': '{}' } });
  const loose = await hub.addCommit(REPO, { ref: null, id: 'c'.repeat(40), files: {} });
  const shas = { main: commit, [commit]: commit, [commit.slice(0, 7)]: commit, [loose]: loose };
  for (const [revision, sha] of [
    ...Object.entries(shas),
    ['refs%2Fpr%2F1', pull],
    ['refs/pr/1', pull],
  ]) {
    const info = (await (await get(`${INFO}/revision/${revision}`)).json()) as { sha: string };
    assert.equal(info.sha, sha, revision);
  }
  for (const revision of ['no', commit.slice(0, 6), 'refs%2Fpr%2F2']) {
    const answer = await get(`${INFO}/revision/${revision}`);
    assert.equal(answer.status, 404);
    assert.equal(answer.headers.get('x-error-code'), 'RevisionNotFound');
    const error = `Invalid rev id: ${decodeURIComponent(revision)}`;
    assert.deepEqual(await answer.json(), { error });
  }
});

test('a tree lists folders and files, with hashes of the large ones', async (context) => {
  const { get } = await sampleHub(context);
  const all = (await (await get(`${INFO}/tree/main?recursive=true`)).json()) as {
    path: string;
    type: string;
  }[];
  assert.deepEqual(
    all.map(({ path, type }) => [path, type]),
    [
      ['onnx', 'directory'],
      ['config.json', 'file'],
      ['model.safetensors', 'file'],
      ['onnx/model.onnx', 'file'],
    ],
  );
  assert.deepEqual(all[1], {
    type: 'file',
    oid: CONFIG_OID,
    size: CONFIG.length,
    path: 'config.json',
  });
  assert.deepEqual((all[2] as { lfs?: unknown }).lfs, LFS);
  const flat = (await (await get(`${INFO}/tree/main`)).json()) as { path: string }[];
  assert.deepEqual(
    flat.map(({ path }) => path),
    ['onnx', 'config.json', 'model.safetensors'],
  );
  const folder = (await (await get(`${INFO}/tree/main/onnx?expand=true`)).json()) as object[];
  assert.equal(folder.length, 1);
  assert.ok('lastCommit' in (folder[0] ?? {}));
  const missing = await get(`${INFO}/tree/main/none`);
  assert.equal(missing.headers.get('x-error-code'), 'EntryNotFound');
  assert.deepEqual(await missing.json(), { error: 'none does not exist on "main"' });
});

test('a long tree comes in pages', async (context) => {
  const files = Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`${at}.txt`, '']));
  const { get } = await sampleHub(context, { files }, { pageSize: 3 });
  const paths: string[] = [];
  const sizes: number[] = [];
  let next: string | undefined = `${INFO}/tree/main?recursive=true`;
  while (next !== undefined) {
    const answer = await get(next);
    const page = (await answer.json()) as { path: string }[];
    paths.push(...page.map(({ path }) => path));
    sizes.push(page.length);
    const link = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    next = link && new URL(link).pathname + new URL(link).search;
  }
  assert.deepEqual(sizes, [3, 3, 1]);
  assert.deepEqual(paths, Object.keys(files));
});

for (const [type, body] of [
  ['application/json', JSON.stringify({ paths: ['model.safetensors', 'none', 'onnx'] })],
  ['application/x-www-form-urlencoded', 'paths=model.safetensors&paths=none&paths=onnx'],
] as const) {
  test(`paths-info as ${type} describes the paths that exist`, async (context) => {
    const { get } = await sampleHub(context);
    const headers = { 'Content-Type': type };
    const answer = await get(`${INFO}/paths-info/main`, { method: 'POST', headers, body });
    const entries = (await answer.json()) as { path: string; type: string; lfs?: object }[];
    assert.deepEqual(
      entries.map(({ path, type: kind }) => [path, kind]),
      [
        ['model.safetensors', 'file'],
        ['onnx', 'directory'],
      ],
    );
    assert.deepEqual(entries[0]?.lfs, LFS);
  });
}

test('refs name branches, and pull requests where they are asked for', async (context) => {
  const { hub, get, commit } = await sampleHub(context);
  const pull = await hub.addCommit(REPO, { ref: 'refs/pr/1', files: {} });
  const branches = [{ name: 'main', ref: 'refs/heads/main', targetCommit: commit }];
  const plain = { tags: [], branches, converts: [] };
  assert.deepEqual(await (await get(`${INFO}/refs`)).json(), plain);
  assert.deepEqual(await (await get(`${INFO}/refs?include_prs=1`)).json(), {
    ...plain,
    pullRequests: [{ name: 'refs/pr/1', ref: 'refs/pr/1', targetCommit: pull }],
  });
});

test('whoami knows a valid token, and no other', async (context) => {
  const { get } = await sampleHub(context);
  const known = await get('/api/whoami-v2', bearer('hf_valid'));
  assert.equal(((await known.json()) as { name: string }).name, 'tester');
  assert.equal((await get('/api/whoami-v2')).status, 401);
  const wrong = await get('/api/whoami-v2', bearer('hf_wrong'));
  assert.equal(wrong.status, 401);
  assert.deepEqual(await wrong.json(), { error: 'Invalid credentials in Authorization header' });
});

test('an unknown repository is 401 to a stranger and 404 to a known user', async (context) => {
  const { get } = await sampleHub(context);
  const stranger = await get('/api/models/owner/none');
  assert.equal(stranger.status, 401);
  assert.deepEqual(await stranger.json(), { error: 'Invalid username or password.' });
  const user = await get('/api/models/owner/none', bearer('hf_valid'));
  assert.equal(user.status, 404);
  assert.equal(user.headers.get('x-error-code'), 'RepoNotFound');
  assert.equal(user.headers.get('x-error-message'), 'Repository not found');
});

test('a private repository looks like an unknown one to whoever may not read it', async (context) => {
  const repo = { private: true, readers: ['hf_a'] };
  const { get } = await sampleHub(context, repo, { tokens: ['hf_a', 'hf_b'] });
  assert.equal((await get(INFO)).status, 401);
  assert.equal((await get(INFO, bearer('hf_b'))).headers.get('x-error-code'), 'RepoNotFound');
  assert.equal((await get(INFO, bearer('hf_a'))).status, 200);
});

test('a gated repository shows its metadata and keeps its files', async (context) => {
  const repo = { gated: 'manual', readers: ['hf_a'] } as const;
  const { get } = await sampleHub(context, repo, { tokens: ['hf_a', 'hf_b'] });
  const file = `/${REPO}/resolve/main/config.json`;
  assert.equal(((await (await get(INFO)).json()) as { gated: string }).gated, 'manual');
  for (const [init, status] of [
    [{}, 401],
    [bearer('hf_b'), 403],
  ] as const) {
    const answer = await get(file, init);
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get('x-error-code'), 'GatedRepo');
    assert.match(answer.headers.get('x-error-message') ?? '', /^Access to model owner\/name is/);
  }
  assert.equal((await get(file, bearer('hf_a'))).status, 307);
});
