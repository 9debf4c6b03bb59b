import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLogger } from './logger.js';
import { logWhatIsPrinted } from './printed.js';

test('of what is printed the first line is logged, and the same one once in a while', (context) => {
  const said: string[] = [];
  const { console } = globalThis;
  const onWarning = process.listeners('warning');
  context.after(() => {
    globalThis.console = console;
    process.removeAllListeners('warning');
    for (const listener of onWarning) process.on('warning', listener);
  });
  let now = 1000;
  context.mock.method(performance, 'now', () => now);
  logWhatIsPrinted(
    createLogger('warn', {
      write: (line) => said.push((JSON.parse(line) as { msg: string }).msg),
    }),
  );
  const print = (what: unknown) => {
    globalThis.console.log(what);
  };
  const gone = new Error('nobody is there');
  assert.match(String(gone.stack), /\n.*printed\.test/);
  print(gone);
  print(gone);
  print('something else');
  now += 59_000;
  print(gone);
  assert.deepEqual(said, ['Error: nobody is there', 'something else']);
  now += 1000;
  print(gone);
  assert.deepEqual(said.slice(2), ['Error: nobody is there']);
});
