import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

import { folderFor } from '../testing/folder.js';
import { Lock } from './lock.js';
import { MACHINE } from './process-id.js';

/** Takes the lock and gives it back, again and again; says so in a file of its own while it has it. */
const CLIENT = `
  import { existsSync, rmSync, writeFileSync } from 'node:fs';
  const { Lock } = await import(process.argv[1]);
  const [, , file, inside] = process.argv;
  const end = Date.now() + 1500;
  let taken = 0;
  while (Date.now() < end) {
    const lock = Lock.tryTake(file);
    if (lock === undefined) continue;
    if (existsSync(inside)) { console.log('two holders'); process.exit(1); }
    writeFileSync(inside, '');
    rmSync(inside);
    taken += 1;
    // Now and then it dies with it.
    if (taken % 7 !== 0) lock.release();
    else if (taken % 14 === 0) process.exit(0);
    else lock.release();
  }
`;

test('no two processes have it, also where some die with it', async (context) => {
  const folder = folderFor(context);
  const file = join(folder, 'lock');
  const inside = join(folder, 'inside');
  const module = new URL('./lock.js', import.meta.url).href;
  const end = performance.now() + 3000;
  const client = async () => {
    while (performance.now() < end) {
      const args = ['--input-type=module', '--eval', CLIENT, module, file, inside];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
      const [code] = (await once(child, 'exit')) as [number];
      assert.equal(code, 0);
    }
  };
  await Promise.all([client(), client(), client()]);
});

test('what another has is not given back', (context) => {
  const file = join(folderFor(context), 'lock');
  const lock = Lock.take(file);
  writeFileSync(file, `1 ${MACHINE}`);
  lock.release();
  assert.ok(existsSync(file));
  assert.equal(readFileSync(file, 'utf8'), `1 ${MACHINE}`);
});

test('who is removing a left lock is not disturbed, whatever the clock of this machine says', (context) => {
  const file = join(folderFor(context), 'lock');
  const left = `${process.pid} ${MACHINE} before`;
  writeFileSync(file, left);
  writeFileSync(`${file}.removal`, `1 elsewhere`);
  const hourAhead = Date.now() + 3_600_000;
  context.mock.method(Date, 'now', () => hourAhead);
  assert.equal(Lock.tryTake(file), undefined);
  assert.equal(readFileSync(file, 'utf8'), left);
  // It was killed at it.
  const before = new Date(0);
  utimesSync(`${file}.removal`, before, before);
  Lock.tryTake(file)?.release();
  assert.ok(!existsSync(file));
});

test('where a file cannot have two names, one process has it all the same', (context) => {
  const file = join(folderFor(context), 'lock');
  context.mock.method(fs, 'linkSync', () => {
    throw Object.assign(new Error('no links here'), { code: 'EPERM' });
  });
  syncBuiltinESMExports();
  context.after(() => {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  });
  const lock = Lock.take(file);
  assert.equal(Lock.tryTake(file), undefined);
  lock.release();
  assert.ok(!existsSync(file));
});

test('a lock that cannot be read is nobody’s to remove, and one without a word in it only after a while', (context) => {
  const folder = folderFor(context);
  const unreadable = join(folder, 'unreadable');
  mkdirSync(unreadable);
  assert.throws(() => Lock.tryTake(unreadable), /EISDIR/);
  assert.ok(existsSync(unreadable));
  const fresh = join(folder, 'fresh');
  writeFileSync(fresh, '');
  assert.equal(Lock.tryTake(fresh), undefined);
  const before = new Date(Date.now() - 60_000);
  utimesSync(fresh, before, before);
  assert.ok(Lock.tryTake(fresh));
});

test('on a full disk one process has it all the same, and who was killed loses it', (context) => {
  const file = join(folderFor(context), 'lock');
  context.mock.method(fs, 'writeFileSync', (written: string, text: string) => {
    if (text !== '') throw Object.assign(new Error('no room here'), { code: 'ENOSPC' });
    fs.closeSync(fs.openSync(written, 'w'));
  });
  syncBuiltinESMExports();
  context.after(() => {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  });
  const lock = Lock.take(file);
  assert.ok(lock.isOurs);
  assert.equal(Lock.tryTake(file), undefined);
  lock.release();
  assert.ok(!isThere(file));
  symlinkSync(`${process.pid} ${MACHINE} before`, file);
  const next = Lock.tryTake(file);
  assert.ok(next?.isOurs);
  // Of another machine, nobody knows.
  next.release();
  symlinkSync(`${process.pid} elsewhere other`, file);
  assert.throws(() => Lock.take(file), /Process \d+ of elsewhere is at it/);
});

/** Whether anything has the name, also a link that leads nowhere. */
function isThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}
