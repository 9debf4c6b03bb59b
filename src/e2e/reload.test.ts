/**
 * Reloads of a real process: between profiles and precisions, under load, by every way to ask for one.
 */

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ChorusProcess } from '../testing/chorus-process.js';
import { until } from '../testing/until.js';

const MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const STARTER = join(MODELS, 'starter.yaml');

/** A copy of the starter profile that a test may edit; its models are those that ship. */
function profileIn(context: TestContext): { file: string; write: (text: string) => void } {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-reload-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  cpSync(join(MODELS, 'starter'), join(folder, 'starter'), { recursive: true });
  const file = join(folder, 'starter.yaml');
  const write = (text: string) => {
    writeFileSync(file, text);
  };
  write(readFileSync(STARTER, 'utf8'));
  return { file, write };
}

async function start(context: TestContext, profile: string, ...flags: readonly string[]) {
  const hosts = ['--host', '127.0.0.1', '--admin-host', '127.0.0.1'];
  const ports = ['--port', '0', '--admin-port', '0'];
  const chorus = new ChorusProcess(['serve', profile, ...hosts, ...ports, ...flags]);
  context.after(() => {
    chorus.signal('SIGKILL');
  });
  const { port, adminPort } = await chorus.logged('ready');
  const admin = `http://127.0.0.1:${String(adminPort)}`;
  return {
    chorus,
    admin,
    post: async (text: string, path = '/process') => {
      const url = `http://127.0.0.1:${String(port)}${path}`;
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(text) });
      const body = (await response.json()) as Record<string, unknown>;
      return { status: response.status, body };
    },
    reload: async (query = '') => {
      const response = await fetch(`${admin}/reload${query}`, { method: 'POST' });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    metric: async (name: string) => {
      const text = await (await fetch(`${admin}/metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
    },
  };
}

test('an edited profile is served after SIGHUP, and after chorus reload', async (context) => {
  const { file, write } = profileIn(context);
  const { chorus, admin, post, metric } = await start(context, file);
  const text = readFileSync(STARTER, 'utf8');
  const before = (await post('A fine day')).body;
  write(text.replace('path: /process', 'path: /other'));
  chorus.signal('SIGHUP');
  await until(async () => (await metric('chorus_generation')) === 2, 'a reload by the signal');
  assert.deepEqual((await post('A fine day', '/other')).body, before);
  assert.equal((await post('A fine day')).status, 404);

  write(text);
  const asked = await new ChorusProcess(['reload', '--url', admin]).finished();
  assert.equal(asked.code, 0, asked.stderr);
  assert.match(asked.stdout, /"generation":3,"profile":"starter"/);
  assert.deepEqual((await post('A fine day')).body, before);
});

test('a profile with a fault, or that breaks its own promise, leaves the old one serving', async (context) => {
  const { file, write } = profileIn(context);
  const { admin, post, reload } = await start(context, file);
  const text = readFileSync(STARTER, 'utf8');
  const before = (await post('A fine day')).body;
  write(text.replace('contract: process', 'contract: proces'));
  const refused = await reload();
  assert.equal(refused.status, 422);
  assert.match(String(refused.body.detail), /starter\.yaml:\d+:\d+: .*must be one of .*process/);

  write(text.replace('cardiffnlp: POSITIVE', 'cardiffnlp: NEGATIVE'));
  const broken = await reload();
  assert.equal(broken.status, 422, JSON.stringify(broken.body));
  assert.match(
    String(broken.body.detail),
    /cardiffnlp: golden text 1 is POSITIVE, expected NEGATIVE/,
  );

  const asked = await new ChorusProcess(['reload', '--url', admin]).finished();
  assert.equal(asked.code, 1);
  assert.match(asked.stderr, /golden text 1/);
  assert.deepEqual((await post('A fine day')).body, before);
});

test('20 reloads between profiles and precisions under load fail no request and mix no answers', async (context) => {
  const { file, write } = profileIn(context);
  const text = readFileSync(STARTER, 'utf8');
  write(text.replace('contract: process', 'contract: process\n    models: [svalabs, ivanlau]'));
  const flags = ['--reload-other', '--cache-size', '0', '--models-dir', join(MODELS, 'starter')];
  const { post, reload, metric } = await start(context, STARTER, ...flags);
  const answers = new Map<string, number>();
  let isOver = false;
  const load = Array.from({ length: 64 }, async (_, client) => {
    for (let round = 0; !isOver; round += 1) {
      const { status, body } = await post(`text ${client} of round ${round}`);
      const answer = `${status} ${Object.keys(body).join()}`;
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  });
  for (let round = 0; round < 20; round += 1) {
    const profile = round % 2 === 0 ? file : STARTER;
    const precision = round % 4 < 2 ? 'int8' : 'exact';
    const query = new URLSearchParams({ profile, precision });
    const { status, body } = await reload(`?${query.toString()}`);
    assert.equal(status, 200, JSON.stringify(body));
  }
  isOver = true;
  await Promise.all(load);
  assert.deepEqual([...answers.keys()].sort(), [
    '200 cardiffnlp,ivanlau,svalabs,EIStakovskii,jy46604790',
    '200 svalabs,ivanlau',
  ]);
  assert.equal(await metric('chorus_generation'), 21);
  assert.equal(await metric('chorus_reloads_total\\{outcome="done"\\}'), 20);
});
