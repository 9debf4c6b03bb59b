import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLogger, type LogLevel } from './logger.js';

type Line = Readonly<Record<string, unknown>>;

function logger(level: LogLevel) {
  const written: string[] = [];
  const log = createLogger(level, { write: (line) => written.push(line) });
  return { log, lines: () => written.map((line) => JSON.parse(line) as Line) };
}

test('a line is JSON with its level as a word, the time, and the fields', () => {
  const { log, lines } = logger('info');
  log.info({ port: 8080 }, 'ready');
  const [{ time, ...line } = assert.fail('no line')] = lines();
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(line, { level: 'info', port: 8080, msg: 'ready' });
});

test('what is less severe than the level is not written', () => {
  const { log, lines } = logger('warn');
  log.debug({}, 'a');
  log.info({}, 'b');
  log.warn({}, 'c');
  log.error({}, 'd');
  assert.deepEqual(
    lines().map(({ msg }) => msg),
    ['c', 'd'],
  );
  const silent = logger('silent');
  silent.log.error({}, 'e');
  assert.deepEqual(silent.lines(), []);
});

test('an error comes with its stack and its cause', () => {
  const { log, lines } = logger('error');
  log.error({ err: new Error('outer', { cause: new TypeError('inner') }) });
  const { message, stack } = lines()[0]?.err as { message: string; stack: string };
  assert.equal(message, 'outer: inner');
  assert.match(stack, /Error: outer\n.*\ncaused by: TypeError: inner/s);
});
