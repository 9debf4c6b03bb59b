// `make hub`: the test hub of tools/hub against Hugging Face's own client, huggingface_hub.
//
//   node bench/hub/run.mjs        (needs it built: npm run build:ts)
//
// Starts the hub with public, private, gated, renamed, interrupted and Xet repositories, lets client.py
// download all of it in a Python environment of its own, then reads in the hub's log that the client went
// the ways it was meant to. Exits with 1 where anything differs. Loopback only, except for pip's first run.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { TestHub } from 'chorus-test-hub';

import { spawnOwned } from '../lib/children.mjs';
import { BENCH } from '../lib/paths.mjs';
import { toolPath } from '../lib/tools.mjs';

const HERE = join(BENCH, 'hub');
const TOKEN = 'hf_reader';
const OTHER_TOKEN = 'hf_stranger';
const MIB = 1 << 20;
// More than twice the 10 MiB that the client keeps at a time: what it had of such a piece when a
// connection breaks, it asks for again.
const WEIGHTS = createHash('shake256', { outputLength: 24 * MIB }).update('weights').digest();

const home = mkdtempSync(join(tmpdir(), 'chorus-hub-'));
process.once('exit', () => rmSync(home, { recursive: true, force: true }));
const onDisk = { file: join(home, 'model.safetensors') };
writeFileSync(onDisk.file, WEIGHTS);

const FILES = {
  'README.md': '# A model\n',
  'config.json': '{"model_type":"bert"}',
  'model.safetensors': WEIGHTS.subarray(0, MIB),
  'onnx/model.onnx': WEIGHTS.subarray(0, 1000),
};
const PULL = { 'config.json': '{"model_type":"roberta"}', 'model.safetensors': WEIGHTS.subarray(7, MIB) };

const hub = await TestHub.start({ tokens: [TOKEN, OTHER_TOKEN], pageSize: 2 });
const downloads = [
  await repository('owner/public', null, { license: 'mit' }),
  await repository('owner/private', TOKEN, { private: true, readers: [TOKEN] }),
  await repository('owner/gated', TOKEN, { gated: 'auto', readers: [TOKEN] }),
  await repository('owner/xet', TOKEN, { xet: true }),
  await repository('owner/interrupted', TOKEN, {}, { 'model.safetensors': onDisk }),
];
hub.rename('old/name', 'owner/public');
downloads.push({ ...downloads[0], id: 'old/name', stored_as: 'old/name' });

const interrupted = 'owner/interrupted/model.safetensors';
hub.fault({ kind: 'cut', afterBytes: 11 * MIB, path: interrupted, times: 2 });
hub.fault({ kind: 'ignore-range', path: interrupted });
hub.fault({ kind: 'status', status: 429, retryAfter: 1, path: 'owner/interrupted/config.json', on: 'hub' });

const python = toolPath('venv.sh', 'hub', join(HERE, 'requirements.txt'));
const status = await runClient({
  token: TOKEN,
  downloads,
  refusals: {
    public: 'owner/public',
    private: 'owner/private',
    gated: 'owner/gated',
    other_token: OTHER_TOKEN,
  },
});
await hub.close();
if (status !== 0) process.exit(1);

assert.equal(hub.faultsWaiting, 0, 'a fault was never met');
assert.equal(hub.tokenLeaked, false, 'the token went to the CDN');
const ranges = hub.requests
  .filter(({ on, subject, range }) => on === 'cdn' && subject === interrupted && range)
  .map(({ range, status }) => [range, status]);
assert.deepEqual(ranges, [
  ['bytes=10485760-', 200],
  ['bytes=10485760-', 206],
]);
assert.ok(hub.requests.some(({ status }) => status === 429));
console.log(`${hub.requests.length} requests, resumed with ${ranges.map(([range]) => range).join(', ')}`);

/** Adds a repository with a commit on `main` and a pull request; gives what client.py should find. */
async function repository(id, token, options, changed = {}) {
  const files = { ...FILES, ...changed };
  const main = await hub.addRepo({ repo: id, files, ...options });
  const pull = await hub.addCommit(id, { ref: 'refs/pr/1', files: PULL });
  const revisions = {
    main: { id: main, files: describe(files) },
    [main]: { id: main, files: describe(files) },
    'refs/pr/1': { id: pull, files: describe(PULL) },
  };
  return { id, token, stored_as: id, revisions };
}

/** Hashes by their definitions rather than by the hub's code. */
function describe(files) {
  return Object.fromEntries(
    Object.entries(files).map(([path, content]) => {
      const bytes = content === onDisk ? WEIGHTS : Buffer.from(content);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const git = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
      return [path, { sha256, etag: /\.(json|md)$/.test(path) ? git : sha256 }];
    }),
  );
}

/** The client's exit status. It sees no settings or tokens but these. */
function runClient(expected) {
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_DISABLE_PROGRESS_BARS: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    HF_HUB_DISABLE_XET: '1',
    NO_PROXY: '127.0.0.1',
  };
  const child = spawnOwned(python, [join(HERE, 'client.py')], {
    env,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end(JSON.stringify(expected));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
