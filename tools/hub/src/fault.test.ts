import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Fault } from './fault.js';
import {
  CONFIG,
  REPO,
  WEIGHTS,
  bytesOf,
  sampleHub,
  sha256Of,
  type SampleHub,
} from './sample-hub.js';

const INFO = `/api/models/${REPO}`;
const WEIGHTS_URL = `/${REPO}/resolve/main/model.safetensors`;

/** The weights as one who follows redirects gets them. */
function weights({ get }: SampleHub, headers: Record<string, string> = {}): Promise<Response> {
  return get(WEIGHTS_URL, { redirect: 'follow', headers });
}

for (const [fault, code, message] of [
  [{ status: 401 }, null, /^Invalid credentials/],
  [{ status: 403 }, 'GatedRepo', /restricted/],
  [{ status: 404 }, 'EntryNotFound', /^Entry not found$/],
  [{ status: 404, code: 'RevisionNotFound', message: 'gone' }, 'RevisionNotFound', /^gone$/],
  [{ status: 429 }, null, /rate limit/],
  [{ status: 500 }, null, /Internal Error/],
  [{ status: 502 }, null, /Internal Error/],
  [{ status: 503 }, null, /Internal Error/],
] as const) {
  test(`the next two requests are ${JSON.stringify(fault)}, and no more`, async (context) => {
    const { hub, get } = await sampleHub(context);
    hub.fault({ kind: 'status', ...fault, path: INFO, times: 2 });
    assert.equal((await get('/api/whoami-v2')).status, 401);
    for (let round = 0; round < 2; round += 1) {
      const answer = await get(INFO);
      assert.equal(answer.status, fault.status);
      assert.equal(answer.headers.get('x-error-code'), code);
      assert.match(((await answer.json()) as { error: string }).error, message);
    }
    assert.equal(hub.faultsWaiting, 0);
    assert.equal((await get(INFO)).status, 200);
  });
}

for (const [retryAfter, header] of [
  [7, '7'],
  [new Date('2026-10-21T07:28:00Z'), 'Wed, 21 Oct 2026 07:28:00 GMT'],
] as const) {
  test(`429 says when to come back: ${header}`, async (context) => {
    const { hub, get } = await sampleHub(context);
    hub.fault({ kind: 'status', status: 429, retryAfter });
    assert.equal((await get(INFO)).headers.get('retry-after'), header);
  });
}

test('a status of the CDN is not worded as one of the hub', async (context) => {
  const sample = await sampleHub(context);
  sample.hub.fault({ kind: 'status', status: 403, on: 'cdn' });
  const answer = await weights(sample);
  assert.equal(answer.status, 403);
  assert.equal(answer.headers.get('x-error-code'), null);
  assert.equal(answer.headers.get('content-type'), 'application/xml');
});

test('faults of a path leave others alone, and those of a method too', async (context) => {
  const { hub, get } = await sampleHub(context);
  hub.fault({ kind: 'status', status: 500, path: /\.onnx$/, method: 'HEAD' });
  assert.equal((await get(WEIGHTS_URL, { method: 'HEAD' })).status, 302);
  assert.equal((await get(`/${REPO}/resolve/main/onnx/model.onnx`)).status, 302);
  const head = await get(`/${REPO}/resolve/main/onnx/model.onnx`, { method: 'HEAD' });
  assert.equal(head.status, 500);
});

test('a download that is cut at every tenth arrives in ten pieces', async (context) => {
  const sample = await sampleHub(context);
  const tenth = WEIGHTS.length / 10;
  sample.hub.fault({ kind: 'cut', afterBytes: tenth, path: 'model.safetensors', times: 9 });
  const parts: Buffer[] = [];
  for (let at = 0; at < WEIGHTS.length; at += tenth) {
    const answer = await weights(sample, { Range: `bytes=${at}-` });
    parts.push(await untilBroken(answer));
    assert.equal(parts.at(-1)?.length, tenth);
  }
  assert.deepEqual(Buffer.concat(parts), WEIGHTS);
  assert.equal(sample.hub.faultsWaiting, 0);
  const sent = sample.hub.requests.filter(({ on }) => on === 'cdn').map(({ bytes }) => bytes);
  assert.deepEqual(sent, Array<number>(10).fill(tenth));
});

test('an answer can be cut right after its head', async (context) => {
  const sample = await sampleHub(context);
  sample.hub.fault({ kind: 'cut', afterBytes: 0, on: 'cdn' });
  const answer = await weights(sample);
  assert.equal(answer.headers.get('content-length'), String(WEIGHTS.length));
  assert.equal((await untilBroken(answer)).length, 0);
});

test('an answer of the API can be cut', async (context) => {
  const { hub, get } = await sampleHub(context);
  hub.fault({ kind: 'cut', afterBytes: 10, on: 'api' });
  await assert.rejects((await get(INFO)).text());
});

test('a hang-up is no answer at all', async (context) => {
  const { hub, get } = await sampleHub(context);
  hub.fault({ kind: 'hang-up' });
  await assert.rejects(get(INFO), TypeError);
  assert.equal(hub.requests[0]?.status, 0);
});

for (const kind of ['hang', 'stall'] as const) {
  test(`a client of a ${kind} waits until it gives up`, async (context) => {
    const sample = await sampleHub(context);
    sample.hub.fault(kind === 'hang' ? { kind } : { kind, afterBytes: 100 });
    const signal = AbortSignal.timeout(50);
    const answer = sample.get(WEIGHTS_URL, { redirect: 'follow', signal }).then(bytesOf);
    await assert.rejects(answer, { name: 'TimeoutError' });
  });
}

test('a drip brings everything, a little at a time', async (context) => {
  const { hub, get } = await sampleHub(context, {}, { resolveCache: false });
  hub.fault({ kind: 'drip', bytes: 5, everyMs: 1 });
  const answer = await get(`/${REPO}/resolve/main/config.json`);
  let pieces = 0;
  let text = '';
  for await (const piece of answer.body ?? []) {
    pieces += 1;
    text += Buffer.from(piece as Uint8Array).toString();
  }
  assert.equal(text, CONFIG);
  assert.ok(pieces > 1);
});

test('a flipped bit is one wrong byte at its place in the file', async (context) => {
  const sample = await sampleHub(context);
  const expected = Buffer.from(WEIGHTS);
  expected.writeUInt8(expected.readUInt8(500_000) ^ 1, 500_000);
  sample.hub.fault({ kind: 'flip-bit', at: 500_000, times: 2 });
  await (await sample.get(INFO)).json();
  assert.deepEqual(await bytesOf(await weights(sample)), expected);
  const part = await bytesOf(await weights(sample, { Range: 'bytes=499999-500001' }));
  assert.deepEqual(part, expected.subarray(499_999, 500_002));
});

test('a range can be ignored, and several faults spoil one answer', async (context) => {
  const sample = await sampleHub(context);
  sample.hub.fault({ kind: 'ignore-range' });
  sample.hub.fault({ kind: 'cut', afterBytes: 20 });
  const answer = await weights(sample, { Range: 'bytes=10-' });
  assert.equal(answer.status, 200);
  assert.deepEqual(await untilBroken(answer), WEIGHTS.subarray(0, 20));
});

test('a range can be refused', async (context) => {
  const sample = await sampleHub(context);
  sample.hub.fault({ kind: 'status', status: 416, on: 'cdn' });
  assert.equal((await weights(sample, { Range: 'bytes=10-' })).status, 416);
});

for (const [on, read] of [
  [
    'api',
    async ({ get }) => {
      const entries = (await (await get(`${INFO}/tree/main`)).json()) as { size: number }[];
      return Number(entries[2]?.size);
    },
  ],
  ['hub', async ({ get }) => Number((await get(WEIGHTS_URL)).headers.get('x-linked-size'))],
  ['cdn', async (sample) => Number((await weights(sample)).headers.get('content-length'))],
] satisfies [Fault['on'], (sample: SampleHub) => Promise<number>][]) {
  test(`a wrong size of the ${on}`, async (context) => {
    const sample = await sampleHub(context);
    sample.hub.fault({ kind: 'wrong-size', add: 5, on, path: 'model.safetensors' });
    assert.equal(await read(sample), WEIGHTS.length + 5);
    assert.equal(await read(sample), WEIGHTS.length);
  });
}

test('a body that is shorter than its length breaks off', async (context) => {
  const sample = await sampleHub(context);
  sample.hub.fault({ kind: 'wrong-size', add: 5, on: 'cdn' });
  assert.equal((await untilBroken(await weights(sample))).length, WEIGHTS.length);
});

test('a wrong hash is in the tree and in the redirect', async (context) => {
  const { hub, get } = await sampleHub(context);
  hub.fault({ kind: 'wrong-sha256', path: 'model.safetensors', times: 2 });
  const entries = (await (await get(`${INFO}/tree/main`)).json()) as { lfs?: { oid: string } }[];
  const stated = entries[2]?.lfs?.oid;
  assert.match(stated ?? '', /^[0-9a-f]{64}$/);
  assert.notEqual(stated, sha256Of(WEIGHTS));
  assert.equal((await get(WEIGHTS_URL)).headers.get('x-linked-etag'), `"${stated ?? ''}"`);
  assert.equal(hub.faultsWaiting, 0);
});

test('a redirect may lead in circles or anywhere', async (context) => {
  const { hub, get } = await sampleHub(context);
  hub.fault({ kind: 'redirect-loop', path: 'model.safetensors', times: Infinity });
  await assert.rejects(get(WEIGHTS_URL, { redirect: 'follow' }), TypeError);
  assert.ok(hub.requests.length > 10);
  hub.clearFaults();
  hub.fault({ kind: 'redirect', location: 'file:///etc/passwd' });
  assert.equal((await get(WEIGHTS_URL)).headers.get('location'), 'file:///etc/passwd');
});

/** What of a body arrives before its connection breaks; whole where it does not. */
async function untilBroken(answer: Response): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of answer.body ?? []) pieces.push(piece as Uint8Array);
  } catch {
    // The cut itself.
  }
  return Buffer.concat(pieces);
}
