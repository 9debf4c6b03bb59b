/**
 * The sentiment service as its clients use it: the profile sentiment-starter with the built addon.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { locateProfile } from '../profile/locate.js';
import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { sendAll } from '../testing/http-file.js';
import { smokeRows } from './smoke-rows.js';

const MODELS = fileURLToPath(new URL('../../models/sentiment-starter', import.meta.url));
const PORTS = ['--port', '0', '--admin-port', '0'];

interface LabelScore {
  readonly label: string;
  readonly score: number;
}

let chorus: ChorusProcess;
let origin: string;

before(async () => {
  chorus = new ChorusProcess(['serve', 'sentiment-starter', '--path-prefix', '/project', ...PORTS]);
  const { port } = await chorus.logged('ready');
  origin = `http://127.0.0.1:${String(port)}/project`;
});

after(async () => {
  chorus.signal('SIGTERM');
  await chorus.finished();
});

/** Without a content type, as the load script sends it. */
function post(path: string, body: unknown, base = origin): Promise<Response> {
  return fetch(base + path, { method: 'POST', body: Buffer.from(JSON.stringify(body)) });
}

async function predictions<T>(response: Response): Promise<T> {
  assert.equal(response.status, 200);
  const answer = (await response.json()) as { readonly predictions: T };
  assert.deepEqual(Object.keys(answer), ['predictions']);
  return answer.predictions;
}

for (const path of ['/predict', '/bulk-predict']) {
  test(`${path}: two texts have both labels each, the best first and above 0.9`, async () => {
    const body = { text: ['I love you.', 'I hate you.'] };
    const [love = [], hate = []] = await predictions<LabelScore[][]>(await post(path, body));
    for (const [labels, order] of [
      [love, ['POSITIVE', 'NEGATIVE']],
      [hate, ['NEGATIVE', 'POSITIVE']],
    ] as const) {
      assert.deepEqual(
        labels.map(({ label }) => label),
        order,
      );
      for (const one of labels) assert.deepEqual(Object.keys(one), ['label', 'score']);
      const [best, other] = labels.map(({ score }) => score);
      assert.ok(best !== undefined && other !== undefined && best > 0.9);
      assert.ok(Math.abs(best + other - 1) < 1e-6);
    }
  });
}

test('one text has its list alone, where lists are not all that is meant', async () => {
  const [best] = await predictions<LabelScore[]>(await post('/predict', { text: 'I love you.' }));
  assert.equal(best?.label, 'POSITIVE');
  assert.equal((await post('/bulk-predict', { text: 'I love you.' })).status, 422);
});

test('health is what load scripts expect, and so is a wrong key', async () => {
  const health = await fetch(`${origin}/health`);
  assert.equal(health.status, 200);
  assert.equal(((await health.json()) as { status: string }).status, 'healthy');
  const wrong = await post('/predict', { texts: ['I love you.'] });
  assert.equal(wrong.status, 422);
  const { errors } = (await wrong.json()) as { readonly errors: readonly { pointer: string }[] };
  assert.deepEqual(errors.map(({ pointer }) => pointer).sort(), ['/text', '/texts']);
});

test('a text has the same scores alone and in any company, from the models and from the cache', async () => {
  const rows = smokeRows('winegarj').map(({ text }) => text);
  const all = await predictions<LabelScore[][]>(await post('/predict', { text: rows }));
  const fresh = new ChorusProcess(['serve', 'sentiment-starter', '--cache-size', '0', ...PORTS]);
  const { port } = await fresh.logged('ready');
  for (const [at, text] of rows.entries()) {
    const again = await predictions<LabelScore[][]>(await post('/predict', { text: [text] }));
    const base = `http://127.0.0.1:${String(port)}`;
    const alone = await predictions<LabelScore[][]>(await post('/predict', { text: [text] }, base));
    assert.deepEqual([again[0], alone[0]], [all[at], all[at]]);
  }
  fresh.signal('SIGTERM');
  await fresh.finished();
});

test('every text of smoke.tsv gets the label given there', async (context) => {
  for (const { text, labels } of smokeRows('winegarj')) {
    await context.test(text, async () => {
      const [best] = await predictions<LabelScore[]>(await post('/predict', { text }));
      assert.equal(best?.label, labels.get('winegarj'));
    });
  }
});

test('a profile may want the labels in class order', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-sentiment-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const profile = join(folder, 'own.yaml');
  const shipped = readFileSync(locateProfile('sentiment-starter'), 'utf8');
  writeFileSync(
    profile,
    shipped.replaceAll('contract: predict', 'contract: predict\n    order: class'),
  );
  const own = new ChorusProcess(['serve', profile, '--models-dir', MODELS, ...PORTS]);
  const { port } = await own.logged('ready');
  const body = { text: ['I love you.', 'I hate you.'] };
  const base = `http://127.0.0.1:${String(port)}`;
  for (const labels of await predictions<LabelScore[][]>(await post('/predict', body, base))) {
    assert.deepEqual(
      labels.map(({ label }) => label),
      ['NEGATIVE', 'POSITIVE'],
    );
  }
  own.signal('SIGTERM');
  await own.finished();
});

test('check finds the golden texts answered', async () => {
  const { code, stdout, stderr } = await runChorus(['check', 'sentiment-starter']);
  assert.equal(code, 0, stdout + stderr);
});

test('every request that chorus requests prints is answered', async () => {
  const { stdout } = await runChorus(['requests', 'sentiment-starter', '--url', origin]);
  const sent = await sendAll(stdout);
  assert.ok(sent.some(({ request }) => request === `POST ${origin}/bulk-predict`));
  for (const { request, status } of sent) assert.equal(status, 200, request);
});
