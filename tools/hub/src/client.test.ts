/**
 * The hub as JavaScript's own client, `@huggingface/hub`, sees it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  HubApiError,
  downloadFile,
  fileDownloadInfo,
  listFiles,
  modelInfo,
  pathsInfo,
} from '@huggingface/hub';

import { CONFIG, REPO, WEIGHTS, sampleHub, sha256Of } from './sample-hub.js';

const WEIGHTS_FILE = { repo: REPO, path: 'model.safetensors' };
const LFS = { oid: sha256Of(WEIGHTS), size: WEIGHTS.length, pointerSize: 131 };

async function bytesOf(blob: Blob | null): Promise<Buffer> {
  assert.ok(blob);
  return Buffer.from(await blob.arrayBuffer());
}

test('modelInfo finds the commit and the licence of every revision', async (context) => {
  const { hub, commit } = await sampleHub(context);
  const pull = await hub.addCommit(REPO, { ref: 'refs/pr/1', files: {} });
  const hubUrl = hub.endpoint;
  for (const [revision, sha] of [
    ['main', commit],
    [commit, commit],
    ['refs/pr/1', pull],
  ] as const) {
    const additionalFields: ('cardData' | 'sha' | 'tags')[] = ['sha', 'tags', 'cardData'];
    const info = await modelInfo({ name: REPO, hubUrl, revision, additionalFields });
    assert.equal(info.sha, sha);
    assert.equal(info.name, REPO);
    assert.equal(info.gated, false);
    assert.deepEqual(info.tags, ['license:mit']);
    assert.equal(info.cardData?.license, 'mit');
  }
});

test('listFiles follows the pages of a tree', async (context) => {
  const { hub } = await sampleHub(context, {}, { pageSize: 2 });
  const files = [];
  for await (const file of listFiles({ repo: REPO, hubUrl: hub.endpoint, recursive: true })) {
    files.push(file);
  }
  assert.deepEqual(
    files.map(({ path }) => path),
    ['onnx', 'config.json', 'model.safetensors', 'onnx/model.onnx'],
  );
  assert.deepEqual(files[2]?.lfs, LFS);
  assert.equal(hub.requests.length, 2);
});

test('pathsInfo knows the hash of an LFS file', async (context) => {
  const { hub, commit } = await sampleHub(context);
  const paths = ['model.safetensors', 'none'];
  const found = await pathsInfo({ repo: REPO, hubUrl: hub.endpoint, paths, expand: true });
  assert.equal(found.length, 1);
  assert.deepEqual(found[0]?.lfs, LFS);
  assert.equal(found[0].lastCommit.id, commit);
});

test('fileDownloadInfo sees the size through the redirects', async (context) => {
  const { hub } = await sampleHub(context);
  const hubUrl = hub.endpoint;
  const weights = await fileDownloadInfo({ ...WEIGHTS_FILE, hubUrl });
  assert.equal(weights?.size, WEIGHTS.length);
  assert.equal(weights.url, `${hubUrl}/${REPO}/resolve/main/model.safetensors`);
  const config = await fileDownloadInfo({ repo: REPO, path: 'config.json', hubUrl });
  assert.equal(config?.size, CONFIG.length);
  assert.equal(await fileDownloadInfo({ repo: REPO, path: 'none', hubUrl }), null);
});

for (const revision of ['main', 'refs/pr/1']) {
  test(`downloadFile brings every kind of file of ${revision}`, async (context) => {
    const { hub } = await sampleHub(context);
    const files = { 'config.json': CONFIG, 'model.safetensors': WEIGHTS };
    await hub.addCommit(REPO, { ref: 'refs/pr/1', files });
    const from = { repo: REPO, revision, hubUrl: hub.endpoint, accessToken: 'hf_valid' };
    const weights = await downloadFile({ ...from, path: 'model.safetensors' });
    assert.deepEqual(await bytesOf(weights), WEIGHTS);
    const part = weights?.slice(100, 200) ?? null;
    assert.deepEqual(await bytesOf(part), WEIGHTS.subarray(100, 200));
    const config = await downloadFile({ ...from, path: 'config.json' });
    assert.equal(await config?.text(), CONFIG);
    assert.ok(hub.requests.every(({ on, authorized }) => authorized === (on !== 'cdn')));
  });
}

test('downloadFile takes the redirect of a Xet repository where it is told to', async (context) => {
  const { hub } = await sampleHub(context, { xet: true });
  const blob = await downloadFile({ ...WEIGHTS_FILE, hubUrl: hub.endpoint, xet: false });
  assert.deepEqual(await bytesOf(blob), WEIGHTS);
  const byDefault = await downloadFile({ ...WEIGHTS_FILE, hubUrl: hub.endpoint });
  await assert.rejects(bytesOf(byDefault), 'it asks for Xet transfers, which this hub has not');
});

test('downloadFile does not mend a connection that is cut', async (context) => {
  const { hub } = await sampleHub(context);
  const hubUrl = hub.endpoint;
  const downloadInfo = await fileDownloadInfo({ ...WEIGHTS_FILE, hubUrl });
  assert.ok(downloadInfo);
  hub.fault({ kind: 'cut', afterBytes: 1000, on: 'cdn' });
  const blob = await downloadFile({ ...WEIGHTS_FILE, hubUrl, downloadInfo });
  await assert.rejects(bytesOf(blob));
  assert.deepEqual(await bytesOf(blob), WEIGHTS);
});

test('errors carry the status and the hub’s words', async (context) => {
  const { hub } = await sampleHub(context, { gated: 'auto', readers: [] });
  await assert.rejects(downloadFile({ ...WEIGHTS_FILE, hubUrl: hub.endpoint }), (error) => {
    assert.ok(error instanceof HubApiError);
    assert.equal(error.statusCode, 401);
    return true;
  });
});
