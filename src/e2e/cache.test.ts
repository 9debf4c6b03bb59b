/**
 * The cache with the real command, the real engine and a real Redis.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { runChorus } from '../testing/chorus-process.js';
import { freePort } from '../testing/free-port.js';
import { RedisServer } from '../testing/redis-server.js';
import { until } from '../testing/until.js';
import { startChorus, type RunningChorus } from './running-chorus.js';

async function started(
  context: TestContext,
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningChorus> {
  const chorus = await startChorus(flags, environment);
  context.after(async () => {
    chorus.process.signal('SIGTERM');
    await chorus.process.finished();
  });
  return chorus;
}

/** What the answer to `text` owes to the cache, and what it says. */
async function asked({ post }: RunningChorus, text: string): Promise<[string | null, string]> {
  const response = await post(JSON.stringify(text));
  assert.equal(response.status, 200);
  return [response.headers.get('x-cache'), await response.text()];
}

function hit(chorus: RunningChorus, text: string): Promise<string> {
  return until(async () => {
    const [outcome, answer] = await asked(chorus, text);
    return outcome === 'hit' && answer;
  }, `a hit for ${text}`);
}

test('an answer from memory is the same to the byte', async (context) => {
  const chorus = await started(context, []);
  const [outcome, computed] = await asked(chorus, 'I love you.');
  assert.equal(outcome, 'miss');
  assert.deepEqual(await asked(chorus, 'I love you.'), ['hit', computed]);
  const plain = await started(context, ['--cache-size', '0']);
  assert.deepEqual(await asked(plain, 'I love you.'), [null, computed]);
});

test('two services share Redis, with a password from a file; flush removes what a profile has', async (context) => {
  const server = await RedisServer.start(context, '--requirepass', 'a word');
  const folder = await mkdtemp(join(tmpdir(), 'chorus-cache-'));
  context.after(() => rm(folder, { recursive: true }));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'a word\n');
  const redis = ['--cache-redis-url', server.url, '--cache-redis-password-file', passwordFile];
  const flags = ['--cache-size', '0', '--cache-redis-required', ...redis];
  const [one, other] = await Promise.all([started(context, flags), started(context, flags)]);
  const computed = await hit(one, 'shared by two');
  assert.equal(await hit(other, 'shared by two'), computed);
  const foreign = await startChorus([...flags, '--cache-redis-prefix', 'another']);
  assert.equal((await asked(foreign, 'shared by two'))[0], 'miss');
  foreign.process.signal('SIGTERM');
  assert.equal((await foreign.process.finished()).code, 0);

  const flushed = await runChorus(['cache', 'flush', 'starter', ...redis]);
  assert.equal(flushed.code, 0, flushed.stderr);
  assert.match(flushed.stdout, /^5 answers of starter removed from 127\.0\.0\.1:\d+\n$/);
  assert.equal((await asked(one, 'shared by two'))[0], 'miss');
  const wrong = await runChorus(['cache', 'flush', 'starter', '--cache-redis-url', server.url]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^chorus: Redis at 127\.0\.0\.1:\d+: NOAUTH/);
});

test('a start waits for Redis only where it must be there', async (context) => {
  const url = `redis://:hush@127.0.0.1:${await freePort()}`;
  const chorus = await started(context, ['--cache-redis-url', url]);
  assert.equal((await asked(chorus, 'nobody there'))[0], 'miss');
  const required = await runChorus([
    'serve',
    '--port',
    '0',
    '--admin-port',
    '0',
    '--cache-redis-required',
    '--cache-redis-url',
    url,
  ]);
  assert.equal(required.code, 1);
  assert.match(required.stderr, /^chorus: Redis at 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  assert.doesNotMatch(required.stderr + required.stdout, /hush/);
});

test('ping waits for a name and for an answer, and says what is in the way', async (context) => {
  const server = await RedisServer.start(context);
  const environment = { CHORUS_CACHE_REDIS_URL: server.url };
  const pinged = await runChorus(['cache', 'ping'], environment);
  assert.deepEqual(
    [pinged.code, pinged.stdout],
    [0, `Redis at 127.0.0.1:${server.port} answers\n`],
  );
  const named = await runChorus(['cache', 'ping', '--dns'], environment);
  assert.deepEqual([named.code, named.stdout], [0, '127.0.0.1 is 127.0.0.1\n']);
  const nowhere = { CHORUS_CACHE_REDIS_URL: 'redis://nowhere.invalid' };
  const unknown = await runChorus(['cache', 'ping', '--dns', '--wait', '1s'], nowhere);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^.*nowhere\.invalid.*\n/);
  await server.kill();
  const gone = await runChorus(['cache', 'ping', '--wait=1s'], environment);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /ECONNREFUSED/);
  const nobody = { CHORUS_CACHE_REDIS_URL: 'redis+sentinel://127.0.0.1:1/main' };
  const alone = await runChorus(['cache', 'ping', '--wait=1s'], nobody);
  assert.deepEqual([alone.code, alone.stdout], [1, '']);
  assert.match(alone.stderr, /None of the sentinels are available/);
  assert.doesNotMatch(alone.stderr, /node_modules/);
  const faulty = await runChorus(['cache', 'ping', '--wait', 'long'], environment);
  assert.deepEqual([faulty.code, (await runChorus(['cache'])).code], [2, 2]);
  assert.equal((await runChorus(['cache', 'ping'])).code, 2);
});

test('ping refuses what it would not read', async (context) => {
  const server = await RedisServer.start(context);
  const environment = { CHORUS_CACHE_REDIS_URL: server.url };
  const refusals = {
    foo: '"foo" is nothing that ping reads; it asks Redis, whatever the profile.',
    '--dns=no': '--dns takes no value.',
    '--dnss': 'Unknown option --dnss',
  };
  for (const [word, refusal] of Object.entries(refusals)) {
    const { code, stderr } = await runChorus(['cache', 'ping', word, '--wait', '1s'], environment);
    assert.deepEqual([code, stderr], [2, `chorus: ${refusal}\n`]);
  }
  const flushed = await runChorus(['cache', 'flush', 'foo'], environment);
  assert.equal(flushed.code, 2);
});
