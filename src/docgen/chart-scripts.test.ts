/**
 * The scripts of the chart, run as its containers run them.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { runChartScript as run, type Ended } from '../testing/chart-script.js';
import { folderFor } from '../testing/folder.js';

/** A folder with what a ConfigMap of a profile has; `lock` may be left out. */
function given(context: TestContext, profile: string, lock?: string): string {
  const folder = folderFor(context);
  writeFileSync(join(folder, 'profile.yaml'), profile);
  if (lock !== undefined) writeFileSync(join(folder, 'profile.lock.json'), lock);
  return join(folder, 'profile.yaml');
}

const read = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8');

test('a profile is copied with its lock to a folder of its own, and nothing else', async (context) => {
  const folder = join(folderFor(context), 'lab-01234567');
  const env = {
    GIVEN: given(context, 'name: mine', '{"given":1}'),
    SERVED: join(folder, 'profile.yaml'),
  };
  const [{ code, output }] = await Promise.all([
    run('copy-profile.mjs', env),
    run('copy-profile.mjs', env),
  ]);
  assert.equal(code, 0, output);
  assert.deepEqual(readdirSync(folder).sort(), ['profile.lock.json', 'profile.yaml']);
  assert.equal(read(folder, 'profile.yaml'), 'name: mine');
  assert.equal(read(folder, 'profile.lock.json'), '{"given":1}');
});

test('a lock that a pull has left stays where none is given', async (context) => {
  const served = given(context, 'name: mine', '{"pulled":1}');
  const { code, output } = await run('copy-profile.mjs', {
    GIVEN: given(context, 'name: mine'),
    SERVED: served,
  });
  assert.equal(code, 0, output);
  assert.equal(read(join(served, '..'), 'profile.lock.json'), '{"pulled":1}');
});

test('a Job pulls by the lock that an earlier one has published, unless one is given', async (context) => {
  const PUBLISHED = given(context, 'name: mine', '{"published":1}');
  for (const [lock, expected] of [
    [undefined, '{"published":1}'],
    ['{"given":1}', '{"given":1}'],
  ] as const) {
    const work = folderFor(context);
    const env = {
      GIVEN: given(context, 'name: mine', lock),
      SERVED: join(work, 'profile.yaml'),
      PUBLISHED,
    };
    const { code, output } = await run('copy-profile.mjs', env);
    assert.equal(code, 0, output);
    assert.equal(read(work, 'profile.lock.json'), expected);
  }
});

test('a pod waits until the profile is published', async (context) => {
  const folder = join(folderFor(context), 'lab-01234567');
  const PROFILE = join(folder, 'profile.yaml');
  const waiting = run('wait-for-profile.mjs', { PROFILE, TIMEOUT_SECONDS: '30' });
  assert.equal(await Promise.race([waiting, sleep(500)]), undefined);
  mkdirSync(folder);
  writeFileSync(PROFILE, 'name: mine');
  const { code, output } = await waiting;
  assert.equal(code, 0, output);
});

test('a pod that waits in vain says for what, and where to look', async (context) => {
  const PROFILE = join(folderFor(context), 'profile.yaml');
  const { code, output } = await run('wait-for-profile.mjs', { PROFILE, TIMEOUT_SECONDS: '0' });
  assert.equal(code, 1);
  assert.equal(output, `${PROFILE} is not there after 0 s: look at the Job that pulls.\n`);
});

/** What `helm test` says of a service that answers with `status` and `answer`. */
async function tried(
  context: TestContext,
  [status, answer]: readonly [number, unknown],
  asked: { readonly body: unknown; readonly labels: unknown },
): Promise<Ended> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status).end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return run('compare-labels.mjs', {
    URL: `http://127.0.0.1:${port}/process`,
    BODY: JSON.stringify(asked.body),
    LABELS: JSON.stringify(asked.labels),
  });
}

test('an answer is enough where no label is promised', async (context) => {
  const { code, output } = await tried(context, [200, {}], { body: 'A text', labels: {} });
  assert.equal(code, 0, output);
  assert.match(output, /^ok {4}POST .*: 200\n$/);
});

test('no answer is not enough', async (context) => {
  const { code, output } = await tried(context, [404, { title: 'no' }], {
    body: 'A text',
    labels: {},
  });
  assert.equal(code, 1);
  assert.match(output, /404 \{"title":"no"\}/);
});

test('another label than the promised one is wrong', async (context) => {
  const answer = { predictions: [[{ label: 'POSITIVE' }], [{ label: 'POSITIVE' }]] };
  const asked = { body: { text: ['good', 'bad'] }, labels: { good: 'POSITIVE', bad: 'NEGATIVE' } };
  const { code, output } = await tried(context, [200, answer], asked);
  assert.equal(code, 1);
  assert.match(output, /^ok {4}good: POSITIVE\nWRONG bad: POSITIVE, not NEGATIVE$/m);
});
