/**
 * The cache over servers that are no Redis, or answer something else than values: every request is answered, and rightly.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { asksMuch, cacheClient } from '../testing/cache-client.js';
import { sameAnswer, wrongValues } from '../testing/tcp-faults.js';
import { until } from '../testing/until.js';

for (const [what, answer] of Object.entries({
  garbage: 'hello\r\nwhat',
  'another protocol': 'HTTP/1.1 400 Bad Request\r\n\r\n',
  errors: '-ERR no\r\n',
  'a length that cannot be': '*1\r\n$99999999999\r\n',
  'half an answer': '*1\r\n$100\r\nabc',
  nothing: '',
})) {
  test(`a server that answers ${what} fails no request`, async (context) => {
    const port = await sameAnswer(context, answer);
    await asksMuch(cacheClient(context, `redis://127.0.0.1:${port}`));
  });
}

for (const answer of [
  '$-1',
  '*-1',
  '+OK',
  ':5',
  '*1\r\n:5',
  '*0',
  '*2\r\n+a\r\n+b',
  '*2\r\n*0\r\n*0',
]) {
  test(`${JSON.stringify(answer)} where values were asked for is a miss`, async (context) => {
    const port = await wrongValues(context, `${answer}\r\n`);
    const own = cacheClient(context, `redis://127.0.0.1:${port}`);
    await until(async () => {
      await own.ask('a');
      const { errors, seconds } = own.redis();
      return errors.reply + errors.value > 0 || seconds.get.counts.some((count) => count > 0);
    }, 'it was asked for values');
    await Promise.all(Array.from({ length: 50 }, (_, at) => own.ask(`${at}`)));
    assert.equal(own.figures().outcomes.hit, 0);
  });
}
