/**
 * Several processes that pull into one cache, as pods with one volume do: whole files, and one download.
 *
 * They are real ones, and end as such do: on time, killed, or on a full disk.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { TestHub } from 'chorus-test-hub';

import { ChorusProcess, type Finished, type Surroundings } from '../testing/chorus-process.js';
import { folderFor } from '../testing/folder.js';
import { until } from '../testing/until.js';
import { published } from './hub-world.js';

const REPO = 'owner/large';
/** No checkpoint, which a pull does not look into. */
const WEIGHTS = createHash('shake256', { outputLength: 24_000_000 }).update('large').digest();
/** A download takes six seconds. */
const DRIP = { kind: 'drip', path: 'model.safetensors', on: 'cdn', bytes: 400_000 } as const;
const EVERY_MS = 100;

/** A hub with one large repository, and pods: each with a profile of its own, all with one cache. */
async function pods(context: TestContext) {
  const hub = await TestHub.start();
  context.after(() => hub.close());
  const settings = published('bert', (name) => (name.endsWith('.safetensors') ? undefined : name));
  const revision = await hub.addRepo({
    repo: REPO,
    license: 'mit',
    files: { ...settings, 'model.safetensors': WEIGHTS },
  });
  const folder = folderFor(context);
  const cache = join(folder, 'cache');
  const blobs = join(cache, 'models--owner--large/blobs');
  const weights = join(blobs, createHash('sha256').update(WEIGHTS).digest('hex'));
  const environment = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache };
  let started = 0;
  const pod = (surroundings: Surroundings = {}): ChorusProcess => {
    const own = join(folder, `pod-${(started += 1)}`);
    mkdirSync(own);
    const profile = join(own, 'own.yaml');
    writeFileSync(
      profile,
      `name: own\nmodels: [{ name: a, source: { repo: ${REPO}, revision: '${revision}' } }]\n` +
        'routes: [{ path: /process, contract: process }]\n',
    );
    return new ChorusProcess(['pull', profile], environment, surroundings);
  };
  const partial = () =>
    (existsSync(blobs) ? readdirSync(blobs) : [])
      .filter((name) => name.endsWith('.incomplete'))
      .map((name) => statSync(join(blobs, name), { throwIfNoEntry: false })?.size ?? 0)
      .reduce((most, size) => Math.max(most, size), 0);
  return {
    hub,
    blobs,
    weights,
    pod,
    partial,
    halfWritten: () => until(() => partial() > WEIGHTS.length / 4, 'a quarter is there'),
    /** Bytes of the weights that the hub has sent. */
    sent: () =>
      hub.requests
        .filter(({ on, subject }) => on === 'cdn' && subject.endsWith('model.safetensors'))
        .reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function assertDone({ code, stderr }: Finished): void {
  assert.equal(code, 0, stderr);
}

/** What is in the folder of contents is whole, and nothing else is there. */
function assertWhole({ blobs, weights }: Awaited<ReturnType<typeof pods>>): void {
  assert.ok(readFileSync(weights).equals(WEIGHTS));
  assert.deepEqual(
    readdirSync(blobs).filter((name) => !/^[0-9a-f]+$/.test(name)),
    [],
  );
}

// Each has a hub and a cache of its own, and waits for most of its time.
describe('pods that share a cache', { concurrency: 3 }, () => {
  for (const seconds of [0, 0.3, 1.5, 3.5, 5]) {
    test(`a pod that comes ${seconds} s after another leaves its download alone`, async (context) => {
      const own = await pods(context);
      own.hub.fault({ ...DRIP, everyMs: EVERY_MS, times: 9 });
      const first = own.pod();
      await sleep(seconds * 1000);
      const second = own.pod();
      assertDone(await first.finished());
      assertDone(await second.finished());
      assertWhole(own);
      assert.equal(own.sent(), WEIGHTS.length);
    });
  }

  test('who waits goes on where one that was killed stopped', async (context) => {
    const own = await pods(context);
    own.hub.fault({ ...DRIP, everyMs: EVERY_MS, times: 9 });
    const first = own.pod();
    await own.halfWritten();
    const others = [own.pod(), own.pod()];
    await sleep(1000);
    first.signal('SIGKILL');
    const present = own.partial();
    for (const other of others) assertDone(await other.finished());
    assertWhole(own);
    // What was under way to the one that was killed came twice.
    assert.ok(own.sent() < WEIGHTS.length * 2 - present / 2, `sent ${own.sent()}`);
    assert.ok(own.hub.requests.some(({ range }) => range !== undefined));
  });

  test('a second run goes on where a killed one stopped', async (context) => {
    const own = await pods(context);
    own.hub.fault({ ...DRIP, everyMs: EVERY_MS, times: 1 });
    const first = own.pod();
    await own.halfWritten();
    first.signal('SIGKILL');
    await first.finished();
    assertDone(await own.pod().finished());
    assertWhole(own);
    assert.ok(own.hub.requests.some(({ range }) => range !== undefined));
  });

  test('a full disk is a line, and what came is gone on with once there is room', async (context) => {
    const own = await pods(context);
    const { code, stderr } = await own.pod({ fileBytes: WEIGHTS.length / 2 }).finished();
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^chorus: There is no room left in .*cache \(.*\); make room, or set HF_HOME/m,
    );
    assert.doesNotMatch(stderr, /^ {4}at /m);
    assertDone(await own.pod().finished());
    assertWhole(own);
    assert.ok(own.sent() < WEIGHTS.length * 1.6, `sent ${own.sent()}`);
  });

  test('who waits is told for whom, and pulls itself where that one fails', async (context) => {
    const own = await pods(context);
    own.hub.fault({ ...DRIP, everyMs: EVERY_MS, times: 1 });
    const first = own.pod({ fileBytes: WEIGHTS.length / 2 });
    await own.halfWritten();
    const second = own.pod();
    assert.equal((await first.finished()).code, 1);
    const finished = await second.finished();
    assertDone(finished);
    assert.match(finished.stderr, /^a\/model\.safetensors: process \d+ of .* is at it; waiting$/m);
    assertWhole(own);
  });

  test('who stood still and wakes up leaves whole files', async (context) => {
    const own = await pods(context);
    own.hub.fault({ ...DRIP, everyMs: EVERY_MS, times: 9 });
    const first = own.pod();
    await own.halfWritten();
    first.signal('SIGSTOP');
    assertDone(await own.pod().finished());
    first.signal('SIGCONT');
    assertDone(await first.finished());
    assertWhole(own);
  });

  test('a container that is started anew goes on where the one before was killed', async (context) => {
    const own = await pods(context);
    // Its number was 1 as well, in a namespace that is gone: nobody can tell whether it lives, but that it renews nothing.
    const before = '1-0123456789ab-cafecafe';
    mkdirSync(own.blobs, { recursive: true });
    writeFileSync(`${own.weights}.lock`, `1 pod/pid:[4026532001] ${before}`);
    const half = WEIGHTS.length / 2;
    writeFileSync(`${own.weights}.${before}.incomplete`, WEIGHTS.subarray(0, half));
    const finished = await own.pod().finished();
    assertDone(finished);
    assert.match(
      finished.stderr,
      /^a\/model\.safetensors: process 1 of pod\/.* is at it; waiting$/m,
    );
    assertWhole(own);
    assert.equal(own.sent(), half);
  });
});
