import assert from 'node:assert/strict';
import fs, { existsSync } from 'node:fs';
import { test } from 'node:test';

import type { Fault } from 'chorus-test-hub';

import { assertWhole, pullWorld, WEIGHTS } from '../testing/pull-world.js';
import { until } from '../testing/until.js';
import { locateModels } from './installed.js';

for (let tenth = 0; tenth < 10; tenth += 1) {
  test(`a connection cut after ${tenth} tenths goes on where it stopped`, async (context) => {
    const own = await pullWorld(context);
    const afterBytes = Math.floor((WEIGHTS.length * tenth) / 10);
    own.hub.fault({ kind: 'cut', path: 'model.safetensors', on: 'cdn', afterBytes });
    await own.pull();
    assertWhole(own);
    assert.equal(own.hub.faultsWaiting, 0);
    const sent = own.hub.requests
      .filter(({ on }) => on === 'cdn')
      .reduce((sum, { bytes }) => sum + bytes, 0);
    assert.ok(sent <= WEIGHTS.length * 1.5 + 100_000, `sent ${sent}`);
  });
}

test('a connection cut while the disk is slow goes on where it stopped', async (context) => {
  const own = await pullWorld(context);
  for (const name of ['write', 'writev'] as const) {
    const atOnce = fs[name] as (...given: unknown[]) => void;
    context.mock.method(fs, name, (...given: unknown[]) => {
      setTimeout(() => {
        atOnce(...given);
      }, 15);
    });
  }
  own.hub.fault({ kind: 'cut', path: 'model.safetensors', on: 'cdn', afterBytes: 300_000 });
  await own.pull();
  assertWhole(own);
});

const passing: Readonly<Record<string, Fault>> = {
  'a 429 with Retry-After': { kind: 'status', status: 429, retryAfter: 0.02, times: 2 },
  'a 429 with a date': { kind: 'status', status: 429, retryAfter: new Date(0) },
  'a 500': { kind: 'status', status: 500, times: 2 },
  'a 503 from the listing': { kind: 'status', status: 503, on: 'api' },
  'a closed connection': { kind: 'hang-up', times: 2 },
  'no answer': { kind: 'hang' },
  'a stall': { kind: 'stall', path: 'model.safetensors', on: 'cdn', afterBytes: 100_000 },
  'a slow drip': { kind: 'drip', path: 'tokenizer.json', bytes: 1, everyMs: 20 },
};
for (const [name, fault] of Object.entries(passing)) {
  test(`${name} passes`, async (context) => {
    const own = await pullWorld(context);
    own.hub.fault(fault);
    await own.pull();
    assertWhole(own);
    assert.equal(own.hub.faultsWaiting, 0);
  });
}

test('a hub that ignores Range starts the file over', async (context) => {
  const own = await pullWorld(context);
  own.hub.fault({ kind: 'cut', path: 'model.safetensors', on: 'cdn', afterBytes: 300_000 });
  own.hub.fault({ kind: 'ignore-range', path: 'model.safetensors', on: 'cdn', times: 3 });
  await own.pull();
  assertWhole(own);
});

test('a hub that cannot resume starts the file over', async (context) => {
  const own = await pullWorld(context);
  own.hub.fault({ kind: 'cut', path: 'model.safetensors', on: 'cdn', afterBytes: 300_000 });
  const refused: Fault = { kind: 'status', status: 416, path: 'model.safetensors', on: 'cdn' };
  const first = own.pull();
  await until(() => own.hub.faultsWaiting === 0, 'the connection is cut');
  own.hub.fault(refused);
  await first;
  assertWhole(own);
});

const lasting: Readonly<Record<string, { fault: Fault; line: RegExp }>> = {
  'restricted access': {
    fault: { kind: 'status', status: 403, code: 'GatedRepo', times: 9 },
    line: /^owner\/name.*: access is restricted; accept its terms on .* and set HF_TOKEN/,
  },
  'a missing repository': {
    fault: { kind: 'status', status: 401, on: 'api', times: 9 },
    line: /^owner\/name at .*: not found on http.*; check the name, or set HF_TOKEN/,
  },
  'a missing file': {
    fault: { kind: 'status', status: 404, code: 'EntryNotFound', path: 'config.json', times: 9 },
    line: /^owner\/name\/config\.json: there is no such file\.$/,
  },
  'an error that stays': {
    fault: { kind: 'status', status: 500, times: 99 },
    line: /^owner\/name at .*: the hub answered 500 \(http.*\); try again later\.$/,
  },
  'a wrong size': {
    fault: { kind: 'wrong-size', path: 'model.safetensors', on: 'cdn', add: 10, times: 9 },
    line: /model\.safetensors: expected 600000 bytes, but the hub announces 600010/,
  },
  'a flipped bit': {
    fault: { kind: 'flip-bit', path: 'model.safetensors', on: 'cdn', at: 5, times: 9 },
    line: /model\.safetensors: expected the digest [0-9a-f]{64}, found [0-9a-f]{64} in what the hub sent/,
  },
  'a wrong digest': {
    fault: { kind: 'wrong-sha256', path: 'model.safetensors', times: 9 },
    line: /model\.safetensors: expected the digest [0-9a-f]{64}, found [0-9a-f]{64}/,
  },
  'a redirect loop': {
    fault: { kind: 'redirect-loop', path: 'config.json', times: 99 },
    line: /^owner\/name\/config\.json: the hub redirects where nothing can be fetched \(redirect count exceeded\)\.$/,
  },
  'a redirect to a file': {
    fault: { kind: 'redirect', location: 'file:///etc/passwd', path: 'config.json', times: 9 },
    line: /^owner\/name\/config\.json: the hub redirects where nothing can be fetched \(.*scheme.*\)\.$/,
  },
};
for (const [name, { fault, line }] of Object.entries(lasting)) {
  test(`${name} is one line, and nothing is taken for whole`, async (context) => {
    const own = await pullWorld(context);
    own.hub.fault(fault);
    assert.match(await own.refusal(), line);
    assert.ok(!existsSync(own.lockFile));
    assert.throws(() => locateModels(own.profile(), own.cache), /not pulled.*run: chorus pull/);
    own.hub.clearFaults();
    await own.pull();
    assertWhole(own);
  });
}
