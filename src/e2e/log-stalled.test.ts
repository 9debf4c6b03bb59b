/**
 * The log of a real process whose reader stalls: more is logged than a pipe holds.
 */

import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { test } from 'node:test';

import { onSignal } from '../testing/chorus-process.js';
import { droppedBy, log, pipe, servesAndDrains, startUnread } from './unread-log.js';

test('a reader that stalls stops nothing', async (context) => {
  const { reader, writer } = pipe(context);
  const serving = await startUnread(context, { stdout: writer, stderr: writer });
  closeSync(writer);
  while ((await droppedBy(serving)) === 0) await log(serving, 500);
  await servesAndDrains(serving);
  closeSync(reader);
});

test('an error that nobody caught ends the process while the reader stalls', async (context) => {
  const { reader, writer } = pipe(context);
  const environment = onSignal(`throw new Error('boom')`);
  const serving = await startUnread(context, { stdout: writer, stderr: writer }, environment);
  closeSync(writer);
  await log(serving, 500);
  serving.chorus.signal('SIGUSR2');
  assert.equal((await serving.chorus.finished()).code, 1);
  closeSync(reader);
});
