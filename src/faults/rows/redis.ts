/**
 * E: what can be wrong with Redis. Whatever it is, no request fails of it and none waits for it.
 */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { RedisServer } from '../../testing/redis-server.js';
import { until } from '../../testing/until.js';
import { CANARY } from '../answers.js';
import { withInvariants } from '../invariants.js';
import {
  asksFor,
  asksMuch,
  ERRORS,
  flagsFor,
  hitsAgain,
  leftAlone,
  outcome,
  poisoned,
  withRedis,
} from '../redis-stage.js';
import { act, inapplicable, row, tests, trial, type Row } from '../row.js';
import { ownScene } from '../scene.js';

const REDIS = 'src/cache/redis.test.ts';
const LIES = 'src/cache/redis-lies.test.ts';
const PACKED = 'src/cache/packed.test.ts';
const CACHED = 'src/cache/cached-engine.test.ts';
const REQUESTS = 'native/core/src/requests/tests.rs';
/** Clients who want the same. */
const CROWD = 300;

export const redis: readonly Row[] = [
  row(
    86,
    'Redis is absent at the start, or its name is unknown',
    'starts without it, and uses it once it is there',
    tests(REDIS, 'Redis that is not there fails no request, and is used once it is there'),
    act(
      async (scene) => {
        await asksMuch(scene);
        await until(async () => (await scene.count(ERRORS)) > 0, 'the failure is counted');
      },
      { flags: ['--cache-size', '0', '--cache-redis-url', 'redis://nowhere.invalid'] },
    ),
  ),
  row(
    87,
    'Redis is killed under load and comes back',
    'no request fails; left alone after five failures, used again once it is back',
    tests(REDIS, 'Redis that is killed fails no request, and is used again once it is back'),
    withRedis(async ({ scene, redis }) => {
      const asked = asksFor(scene, 3000);
      await sleep(500);
      await redis.kill();
      await asked;
      await leftAlone(scene);
      await redis.start();
      await hitsAgain(scene);
    }),
  ),
  row(
    88,
    'Redis stands still',
    'no request waits longer than --cache-redis-timeout for it; used again once it goes on',
    tests(REDIS, 'Redis that stands still holds nobody up, and is used again once it goes on'),
    withRedis(async ({ scene, redis }) => {
      redis.signal('SIGSTOP');
      await asksFor(scene, 5000);
      await leftAlone(scene);
      redis.signal('SIGCONT');
      await hitsAgain(scene);
    }),
  ),
  row(
    89,
    'Redis is a second away, or sends byte by byte, or a kilobyte a second',
    'as if it stood still',
    tests(REDIS, 'an answer that is late is a miss, and never taken for another'),
    poisoned(
      { type: 'latency', attributes: { latency: 1000, jitter: 500 } },
      { type: 'slicer', attributes: { average_size: 1, size_variation: 0, delay: 2000 } },
      { type: 'bandwidth', attributes: { rate: 1 } },
    ),
  ),
  row(
    90,
    'the way to Redis resets connections, or swallows everything',
    'as if it were not there',
    poisoned(
      { type: 'reset_peer', attributes: { timeout: 0 } },
      { type: 'timeout', attributes: { timeout: 0 } },
    ),
  ),
  row(
    91,
    'Redis is full, read-only, loading or cannot save',
    'still read; that nothing is kept is counted',
    tests(
      REDIS,
      'Redis that is full keeps what it has, and takes no more',
      'Redis that is read-only is read',
    ),
    withRedis(async ({ scene, redis }) => {
      await redis.command('CONFIG', 'SET', 'maxmemory', '1');
      await asksMuch(scene);
      await until(
        async () => (await scene.count(`${ERRORS}{reason="reply"}`)) > 0,
        'refusals of values are counted',
      );
      assert.equal(await outcome(scene, 'again'), 'hit');
    }),
  ),
  row(
    92,
    'a wrong password, or a user that may do nothing',
    'no request fails, counted',
    tests(LIES, 'a server that answers errors fails no request'),
    tests(REDIS, 'a wrong password fails no request, and a right one is used'),
    trial(
      async (context) => {
        const redis = await RedisServer.start(context);
        await redis.command('ACL', 'SETUSER', 'nobody', 'on', '>word', '+ping', '~*');
        const url = redis.url.replace('//', '//nobody:word@');
        const scene = await ownScene(context, { flags: flagsFor(url) });
        return withInvariants(scene, {
          run: async () => {
            await asksMuch(scene);
            await until(async () => (await scene.count(ERRORS)) > 0, 'the refusals are counted');
          },
        });
      },
      { isLong: true },
    ),
  ),
  row(
    93,
    'values that are not ours, of another type, cut short or changed',
    'a miss, and replaced',
    tests(REDIS, 'values that were changed or are not ours are misses, and are replaced'),
    withRedis(async ({ scene, redis }) => {
      for (const spoil of SPOILERS) {
        for (const key of await redis.keys()) {
          await redis.command('DEL', key);
          await redis.command(...spoil(key));
        }
        const before = await scene.ask('again');
        assert.equal(before.status, 200);
        await hitsAgain(scene);
        assert.equal((await scene.ask('again')).body, before.body);
      }
    }),
  ),
  row(
    94,
    "a value under another one's key",
    'a miss: a value is bound to its key',
    tests(REDIS, 'values that were changed or are not ours are misses, and are replaced'),
    withRedis(async ({ scene, redis }) => {
      await until(async () => (await outcome(scene, 'another')) === 'hit', 'two texts are kept');
      const answers = [await scene.ask('again'), await scene.ask('another')];
      const keys = await redis.keys();
      for (const key of keys) await redis.command('COPY', key, `${key}-was`);
      for (const [index, key] of keys.entries()) {
        const other = keys[(index + 1) % keys.length] ?? '';
        await redis.command('COPY', `${other}-was`, key, 'REPLACE');
      }
      const now = [await scene.ask('again'), await scene.ask('another')];
      assert.deepEqual(
        now.map(({ headers }) => headers['x-cache']),
        ['miss', 'miss'],
      );
      assert.deepEqual(
        now.map(({ body }) => body),
        answers.map(({ body }) => body),
      );
    }),
  ),
  row(
    95,
    'somebody guesses keys, or writes scores of their own',
    'keys and values need the secret',
    tests(
      PACKED,
      'another text, model or secret is another key',
      'what was not packed for this key is no value',
    ),
    tests(
      REDIS,
      'no text, label or number that can be read lies in Redis, and everything leaves it in time',
    ),
  ),
  row(
    96,
    'another model or tokenizer under the same name',
    'what the old one answered is never found',
    tests('native/runtime/src/model/identity.rs', 'whatever_changes_an_answer_changes_the_digest'),
  ),
  row(
    97,
    'many equal texts at once',
    'joined: computed once, and again only for who asks between its end and its answer',
    tests(CACHED, 'who asks for what is on its way for others is coalesced with them'),
    act(async (scene) => {
      const computed = () => scene.count('chorus_batch_size_sum{model="svalabs"}');
      const before = await computed();
      const text = `${CANARY} ${'is asked for by everybody '.repeat(100)}`;
      const answers = await Promise.all(Array.from({ length: CROWD }, () => scene.ask(text)));
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      assert.equal(new Set(answers.map(({ body }) => body)).size, 1);
      const times = (await computed()) - before;
      assert.ok(times >= 1 && times <= CROWD / 10, `computed ${times} times`);
    }),
  ),
  row(
    98,
    'the first of several who ask for the same goes away, or fails',
    'the others are answered; a failure is not kept',
    tests(CACHED, 'nothing is kept of a request that fails, and whoever gives up is told why'),
    tests(REQUESTS, 'a_text_that_others_wait_for_survives_the_request_that_brought_it'),
    act(
      async (scene) => {
        const text = JSON.stringify(`${CANARY} ${'and its first client left '.repeat(100)}`);
        const first = scene.connect();
        first.write(scene.request(`Content-Length: ${text.length}\r\n`, text));
        const others = Array.from({ length: 20 }, () => scene.post(text));
        first.destroy();
        const answers = await Promise.all(others);
        assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      },
      { counts: { chorus_inference_errors_total: 0 } },
    ),
  ),
  row(
    99,
    'everything kept is gone at once, under load',
    'computed and kept again; entries do not expire together',
    tests(REDIS, 'what was emptied is filled again'),
    withRedis(async ({ scene, redis }) => {
      const asked = asksFor(scene, 3000);
      for (let count = 0; count < 5; count += 1) {
        await sleep(500);
        await redis.command('FLUSHALL');
      }
      await asked;
      await hitsAgain(scene);
    }),
  ),
  inapplicable(
    100,
    "ioredis's errors without a listener",
    'node-redis is used instead; its errors are listened for, as rows 87 to 90 show',
  ),
];

const SPOILERS: readonly ((key: string) => readonly string[])[] = [
  (key) => ['SET', key, '{"score":NaN'],
  (key) => ['LPUSH', key, 'a'],
  (key) => ['SET', key, ''],
  (key) => ['SETRANGE', key, String(10 << 20), 'x'],
];
