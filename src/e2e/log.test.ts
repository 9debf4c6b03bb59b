/**
 * The log of a real process whose lines nobody takes: it serves and ends as if they were read.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

import { until } from '../testing/until.js';
import { startChorus } from './running-chorus.js';
import { onSignal } from '../testing/chorus-process.js';
import { droppedBy, log, pipe, servesAndDrains, startUnread } from './unread-log.js';

test('a full disk under the log and the banner costs their lines alone', async (context) => {
  const full = openSync('/dev/full', 'w');
  const serving = await startUnread(context, { stdout: full, stderr: full });
  closeSync(full);
  await servesAndDrains(serving);
});

const maySetLimits = spawnSync('prlimit', ['--version']).status === 0;

test(
  'lines are written again once a full disk has room',
  { skip: !maySetLimits && 'prlimit stands in for a disk that is full for a while' },
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'chorus-disk-'));
    context.after(() => {
      rmSync(folder, { recursive: true });
    });
    const file = join(folder, 'log');
    const fd = openSync(file, 'a');
    const serving = await startUnread(context, { stdout: fd });
    closeSync(fd);
    const { pid } = serving.chorus;
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=16384:']);
    await log(serving, 200);
    await until(async () => (await droppedBy(serving)) > 0, 'lines are dropped');
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:']);
    await servesAndDrains(serving);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.match(lines.at(-1) ?? '', /"msg":"stopped"/);
    const torn = lines.filter((line) => !/^\{.*\}$/.test(line));
    assert.ok(torn.length <= 1, `whole lines follow what is torn: ${torn.join('\n')}`);
  },
);

test('a reader that is gone stops nothing', async (context) => {
  const { reader, writer } = pipe(context);
  const serving = await startUnread(context, { stdout: writer, stderr: writer });
  closeSync(writer);
  closeSync(reader);
  await servesAndDrains(serving);
});

test('every line of a normal end is written, also by a reader that begins late', async (context) => {
  const { reader, writer } = pipe(context);
  const serving = await startUnread(context, { stdout: writer });
  closeSync(writer);
  await log(serving, 500);
  assert.equal(await droppedBy(serving), 0);
  serving.chorus.signal('SIGTERM');
  const livez = () => fetch(`http://127.0.0.1:${serving.adminPort}/livez`);
  const isGone = () =>
    livez()
      .then(() => false)
      .catch(() => true);
  await until(isGone, 'the service has stopped');
  const lines = (await text(new Socket({ fd: reader }))).split('\n');
  assert.equal((await serving.chorus.finished()).code, 0);
  assert.equal(lines.filter((line) => line.includes('"route":"/health"')).length, 500);
  assert.match(lines.at(-2) ?? '', /"msg":"stopped"\}$/);
});

test('an error that nobody caught is in the log, and ends the process', async () => {
  const { process: chorus } = await startChorus([], onSignal(`throw new Error('boom')`));
  chorus.signal('SIGUSR2');
  const { code, stdout } = await chorus.finished();
  assert.equal(code, 1);
  assert.match(stdout, /"level":"error".*"message":"boom".*"msg":"crashed"\}\n$/);
});

test('what libraries and Node print is a line of the log', async () => {
  const printing = onSignal(`console.log('a', { b: 1 }); process.emitWarning('careful')`);
  const { process: chorus } = await startChorus([], printing);
  chorus.signal('SIGUSR2');
  const printed = await chorus.logged('a { b: 1 }');
  assert.equal(printed.level, 'warn');
  const warning = await chorus.logged('warning of Node.js');
  assert.equal((warning.err as Error).message, 'careful');
  chorus.signal('SIGTERM');
  assert.equal((await chorus.finished()).code, 0);
});
