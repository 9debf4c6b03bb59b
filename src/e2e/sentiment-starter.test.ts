/**
 * The model of the profile sentiment-starter, with the built addon. Its route is another contract's concern: here
 * `process` answers for the model.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { locateProfile } from '../profile/locate.js';
import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { smokeRows } from './smoke-rows.js';

const MODELS = fileURLToPath(new URL('../../models/sentiment-starter', import.meta.url));

interface Top {
  readonly score: number;
  readonly label: string;
}

const folder = mkdtempSync(join(tmpdir(), 'chorus-sentiment-starter-'));
const profile = join(folder, 'sentiment-starter.yaml');
let chorus: ChorusProcess;
let port: unknown;

before(async () => {
  const shipped = readFileSync(locateProfile('sentiment-starter'), 'utf8');
  writeFileSync(profile, shipped.replace('contract: predict', 'contract: process'));
  const flags = ['--models-dir', MODELS, '--port', '0', '--admin-port', '0'];
  chorus = new ChorusProcess(['serve', profile, ...flags]);
  ({ port } = await chorus.logged('ready'));
});

after(async () => {
  chorus.signal('SIGTERM');
  await chorus.finished();
  rmSync(folder, { recursive: true });
});

async function ask(text: string): Promise<Top> {
  const init = { method: 'POST', body: JSON.stringify(text) };
  const response = await fetch(`http://127.0.0.1:${String(port)}/predict`, init);
  assert.equal(response.status, 200);
  const { winegarj } = (await response.json()) as { readonly winegarj: Top };
  return winegarj;
}

for (const [text, expected] of [
  ['I love you.', 'POSITIVE'],
  ['I hate you.', 'NEGATIVE'],
] as const) {
  test(`"${text}" is ${expected} with a score above 0.9`, async () => {
    const { label, score } = await ask(text);
    assert.equal(label, expected);
    assert.ok(score > 0.9, String(score));
  });
}

test('every text of smoke.tsv gets the label given there', async (context) => {
  for (const { text, labels } of smokeRows('winegarj')) {
    await context.test(text, async () => {
      assert.equal((await ask(text)).label, labels.get('winegarj'));
    });
  }
});

test('check finds the golden texts answered', async () => {
  const { code, stdout, stderr } = await runChorus(['check', profile, '--models-dir', MODELS]);
  assert.equal(code, 0, stdout + stderr);
});
