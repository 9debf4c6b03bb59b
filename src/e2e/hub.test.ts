/**
 * From a hub to answers, with the real command and the real engine: pull, check, serve.
 *
 * The checkpoints have the files that their originals have on the hub: weights as
 * `pytorch_model.bin` alone, a sentencepiece vocabulary or vocab.json with merges.txt.
 */

import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ChorusProcess } from '../testing/chorus-process.js';
import { until } from '../testing/until.js';
import { FIXTURES, hubWorld } from './hub-world.js';

interface Expected {
  readonly cases: readonly { text: string; scores: Readonly<Record<string, number>> }[];
}

/** Every text of the fixtures gets the best label and the score that transformers gives it. */
async function assertAnswers(chorus: ChorusProcess): Promise<void> {
  const { port } = await chorus.logged('ready');
  for (const name of ['roberta', 'xlm-roberta']) {
    const expected = readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8');
    for (const { text, scores } of (JSON.parse(expected) as Expected).cases) {
      const response = await fetch(`http://127.0.0.1:${String(port)}/process`, {
        method: 'POST',
        body: JSON.stringify(text),
      });
      const answer = (await response.json()) as Record<string, { label: string; score: number }>;
      const [[label, score] = assert.fail(`${name} has no labels`)] = Object.entries(scores).sort(
        ([, a], [, b]) => b - a,
      );
      const top = answer[name] ?? assert.fail(`${name} gave no answer`);
      assert.equal(top.label, label, name);
      assert.ok(Math.abs(top.score - score) < 1e-5, `${name}: ${top.score}, expected ${score}`);
    }
  }
  chorus.signal('SIGTERM');
  assert.equal((await chorus.finished()).code, 0);
}

test('pull, check and serve; then serve from a copied cache without a hub', async (context) => {
  const { hub, folder, profile, cache, environment, run, start } = await hubWorld(context);

  const before = await run('serve', profile);
  assert.equal(before.code, 1);
  assert.match(
    before.stderr,
    /^chorus: Model roberta .* is not pulled, .*; run: chorus pull .*own\.yaml\n/,
  );

  const pulled = await run('pull', profile);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.match(pulled.stderr, /roberta: storing pytorch_model\.bin as model\.safetensors\n/);
  assert.match(pulled.stderr, /roberta\/pytorch_model\.bin: .* kB, verified\n/);
  assert.match(pulled.stderr, /2 models, .* locked in .*own\.lock\.json\n$/);

  const checked = await run('check', profile, '--json');
  assert.equal(checked.code, 0, checked.stderr);
  const report = JSON.parse(checked.stdout) as {
    models: { name: string; tokensPerSecond: number }[];
  };
  assert.deepEqual(
    report.models.map(({ name, tokensPerSecond }) => [name, tokensPerSecond > 0]),
    [
      ['roberta', true],
      ['xlm-roberta', true],
    ],
  );

  const listed = await run('models', profile);
  assert.match(listed.stdout, /own +roberta +owner\/roberta +[0-9a-f]{12} +pulled, /);
  assert.match(listed.stdout, /owner\/xlm-roberta +[0-9a-f]{12} +/);

  await assertAnswers(start());

  hub.clearRequests();
  const copy = join(folder, 'copy');
  cpSync(cache, copy, { recursive: true, verbatimSymlinks: true });
  const flags = ['serve', profile, '--port', '0', '--admin-port', '0'];
  await assertAnswers(new ChorusProcess(flags, { ...environment, HF_HUB_CACHE: copy }));
  assert.equal(hub.requests.length, 0);
});

test('serve --pull does both', async (context) => {
  const { start } = await hubWorld(context);
  await assertAnswers(start('--pull'));
});

test('a changed file is refused at start, with both digests', async (context) => {
  const { profile, cache, run } = await hubWorld(context);
  await run('pull', profile);
  const snapshots = join(cache, 'models--owner--roberta/snapshots');
  const weights = join(snapshots, readdirSync(snapshots)[0] ?? '', 'model.safetensors');
  const bytes = readFileSync(weights);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(weights, bytes);
  const { code, stderr } = await run('serve', profile);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^chorus: .*model\.safetensors: expected the sha256 [0-9a-f]{64} of the lock, found [0-9a-f]{64}\n$/,
  );
});

test('a killed pull leaves nothing that a server would take for whole', async (context) => {
  const { hub, profile, cache, environment, run } = await hubWorld(context);
  hub.fault({ kind: 'stall', path: 'roberta/pytorch_model.bin', afterBytes: 40_000, times: 2 });
  const killed = new ChorusProcess(['pull', profile], environment);
  const blobs = join(cache, 'models--owner--roberta/blobs');
  const isHalfWritten = () =>
    existsSync(blobs) && readdirSync(blobs).some((name) => name.endsWith('.incomplete'));
  await until(isHalfWritten, 'a file is half written');
  killed.signal('SIGKILL');
  await killed.finished();
  assert.match((await run('serve', profile)).stderr, /is not pulled/);
  hub.clearFaults();
  assert.equal((await run('pull', profile)).code, 0);
  assert.equal((await run('check', profile)).code, 0);
});
