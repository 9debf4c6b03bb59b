/**
 * B: what can be wrong with bodies and with their JSON; what texts can be is in `texts`.
 */

import assert from 'node:assert/strict';

import { CANARY } from '../answers.js';
import { act, row, tests, type Row } from '../row.js';
import type { Scene } from '../scene.js';

const PROCESS = 'src/routes/process/process.test.ts';
const JSON_TEST = 'src/http/json.test.ts';

const KIB = 1024;
/** The default of --max-body-size. */
const LIMIT = 256 * KIB;
const REFUSED = 'chorus_request_errors_total{reason="invalid_input"}';

export const body: readonly Row[] = [
  row(
    27,
    'no content type, text/plain, a form',
    '200: only a type that says the bytes are no JSON matters (curl sends that of a form)',
    tests(PROCESS, 'the content type does not matter unless it says that the bytes are not JSON'),
    tests(PROCESS, 'multipart is refused with 415'),
  ),
  row(
    28,
    'a charset other than UTF-8',
    '415',
    tests(PROCESS, 'latin1 is refused with 415', 'utf-16 is refused with 415'),
  ),
  row(
    29,
    'a compressed body',
    '415: none is decompressed, so that none can be a bomb',
    tests(PROCESS, 'gzip is refused with 415', 'br is refused with 415'),
    tests(PROCESS, 'a nested encoding is refused with 415'),
  ),
  row(
    30,
    'a compressed body that is broken',
    '415',
    tests(PROCESS, 'a broken gzip is refused with 415'),
  ),
  row(
    31,
    'a body above the limit, by its length or as it streams',
    '413, closed, at the header where it says so',
    tests(PROCESS, 'a body above the limit is refused with 413, by its length or while it streams'),
    tests('src/server/guard.test.ts', 'a stated length above the limit is refused at the header'),
  ),
  row(
    32,
    'a body just below the limit',
    '200, and which models cut the text',
    act(
      async (scene) => {
        const text = 'word '.repeat(Math.floor((LIMIT - 2) / 5));
        const { status, headers } = await scene.ask(text);
        assert.equal(status, 200);
        assert.ok(headers['chorus-truncated'], 'it says which models read its beginning alone');
      },
      { counts: { chorus_input_truncated_total: 1 } },
    ),
  ),
  row(
    33,
    'no body, JSON that is cut short or followed by garbage, a raw control character',
    '400, nothing of it repeated',
    tests(
      PROCESS,
      'no body is refused with 400 and never repeated',
      '"hello is refused with 400 and never repeated',
    ),
    tests(
      JSON_TEST,
      'a string cut short: invalid_json',
      'trailing garbage: invalid_json',
      'a raw line break: invalid_json',
    ),
  ),
  row(
    34,
    'an array, a number, null where a string belongs',
    '422 with what it is',
    tests(
      PROCESS,
      '["secret"] is refused with 422 and never repeated',
      '7 is refused with 422 and never repeated',
      'null is refused with 422 and never repeated',
      'what is not a string is told where and what',
    ),
  ),
  row(
    35,
    'an object without its text, or with one of another type',
    '422 with a pointer to each fault; the engine is not asked',
    act(
      async (scene) => {
        const bodies = [{}, ...[7, null, true, {}, []].map((text) => ({ text }))];
        for (const body of bodies) await refuses(scene, JSON.stringify(body));
        await refuses(scene, JSON.stringify({ text: [CANARY, 7] }), '/text/1');
      },
      {
        profile: 'sentiment-starter',
        counts: { [REFUSED]: 7, 'chorus_texts_total{model="winegarj",outcome="done"}': 1 },
        flags: ['--cache-size', '0'],
      },
    ),
  ),
  row(
    36,
    'the same key twice',
    'the last one counts',
    act(
      async (scene) => {
        const { status, body } = await scene.post(`{"text":7,"text":"${CANARY}"}`);
        assert.equal(status, 200);
        assert.equal(body, (await scene.post(JSON.stringify({ text: CANARY }))).body);
        await refuses(scene, `{"text":"${CANARY}","text":7}`, '/text');
      },
      { profile: 'sentiment-starter', counts: { [REFUSED]: 1 } },
    ),
  ),
  row(
    37,
    'keys named `__proto__` and `constructor`',
    '422; they become nothing else than keys',
    tests(PROCESS, '{"__proto__":{"polluted":1}} is refused with 422 and never repeated'),
    act(
      async (scene) => {
        for (const key of ['__proto__', 'constructor']) {
          await refuses(scene, `{"${key}":{"text":"${CANARY}"}}`);
          await refuses(scene, `{"text":"${CANARY}","${key}":{"polluted":1}}`);
        }
      },
      { profile: 'sentiment-starter', counts: { [REFUSED]: 4 } },
    ),
  ),
  row(
    38,
    'more than 100,000 levels',
    '400 beyond 64, before the body is parsed',
    tests(JSON_TEST, '65 levels: invalid_json', '64 levels: none'),
    act(
      async (scene) => {
        for (const level of ['[', '{"a":']) {
          const { status } = await scene.post(level.repeat(LIMIT / level.length));
          assert.equal(status, 400);
        }
        const whole = `${'['.repeat(100_000)}"${CANARY}"${']'.repeat(100_000)}`;
        assert.equal((await scene.post(whole)).status, 400);
      },
      { counts: { 'chorus_request_errors_total{reason="invalid_json"}': 3 } },
    ),
  ),
  row(
    39,
    'a great many keys, numbers that are no doubles',
    '422, of few words',
    act(
      async (scene) => {
        const keys = Array.from({ length: 20_000 }, (_, index) => `"${index}":1`).join();
        for (const body of [`{${keys}}`, '{"text":1e999}', `{"text":${'9'.repeat(100_000)}}`]) {
          const answer = await refuses(scene, body);
          assert.ok(answer.body.length < LIMIT, 'the answer is no larger than the request');
        }
      },
      { profile: 'sentiment-starter', counts: { [REFUSED]: 3 } },
    ),
  ),
  row(
    40,
    'bytes that are not UTF-8, overlong ones, surrogates in three bytes',
    '400',
    tests(
      JSON_TEST,
      'a byte that is not UTF-8: invalid_utf8',
      'an overlong slash: invalid_utf8',
      'a surrogate in three bytes: invalid_utf8',
    ),
  ),
  row(41, 'a byte order mark', '200', tests(PROCESS, 'a byte order mark is not part of the text')),
];

async function refuses(scene: Scene, body: string, pointer?: string) {
  const answer = await scene.post(body);
  assert.equal(answer.status, 422, answer.body);
  const { errors } = JSON.parse(answer.body) as { errors: readonly { pointer: string }[] };
  assert.ok(errors.length > 0);
  if (pointer !== undefined) assert.equal(errors[0]?.pointer, pointer);
  return answer;
}
