import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { createLogger } from '../log/logger.js';
import { StartError } from '../start-error.js';
import { folderFor } from '../testing/folder.js';
import { until } from '../testing/until.js';
import { FollowedFiles } from './followed-files.js';

const LOOK_EVERY_MS = 20;

function follow(context: TestContext, files: Readonly<Record<string, string>>) {
  const taken: Readonly<Record<string, string>>[] = [];
  const outcomes: string[] = [];
  const wrong: boolean[] = [];
  const followed = new FollowedFiles(
    {
      what: 'keys',
      files,
      take(texts) {
        if (Object.values(texts).includes('bad')) throw new StartError(['It is bad.']);
        taken.push(texts);
      },
      observer: {
        filesRead: (_, outcome) => outcomes.push(outcome),
        filesWrong: (_, isWrong) => wrong.push(isWrong),
      },
      logger: createLogger('silent'),
    },
    LOOK_EVERY_MS,
  );
  context.after(() => {
    followed.stop();
  });
  return { followed, taken, outcomes, wrong };
}

test('a file that changes is read again, once it is right', async (context) => {
  const file = join(folderFor(context), 'file');
  writeFileSync(file, 'one');
  const { followed, taken, outcomes } = follow(context, { '--a': file });
  await followed.start();
  assert.deepEqual(taken, [{ '--a': 'one' }]);
  writeFileSync(file, 'bad');
  await until(() => outcomes.length === 1, 'the fault is found');
  writeFileSync(file, 'two');
  await until(() => taken.length === 2, 'the file is read');
  assert.deepEqual(taken[1], { '--a': 'two' });
  assert.deepEqual(outcomes, ['failed', 'done']);
});

test('files are wrong until they are right, by a new content or by that from before', async (context) => {
  const file = join(folderFor(context), 'file');
  writeFileSync(file, 'one');
  const { followed, taken, wrong } = follow(context, { '--a': file });
  await followed.start();
  writeFileSync(file, 'bad');
  await until(() => wrong.at(-1) === true, 'the fault is found');
  writeFileSync(file, 'one');
  await until(() => wrong.at(-1) === false, 'what was read before is right');
  await assert.rejects(writeAndReload(followed, file, 'bad'));
  await writeAndReload(followed, file, 'two');
  assert.deepEqual(wrong, [true, false, true, false]);
  assert.equal(taken.length, 2);
});

async function writeAndReload(followed: FollowedFiles, file: string, text: string): Promise<void> {
  writeFileSync(file, text);
  await followed.reload();
}

test('a Secret of Kubernetes is followed, whose files change by a link above them', async (context) => {
  const folder = folderFor(context);
  const publish = (version: string) => {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, 'crt'), `certificate ${version}`);
    writeFileSync(join(folder, version, 'key'), `key ${version}`);
    symlinkSync(version, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  publish('..1');
  for (const name of ['crt', 'key']) symlinkSync(`..data/${name}`, join(folder, name));
  const files = { '--cert': join(folder, 'crt'), '--key': join(folder, 'key') };
  const { followed, taken, outcomes } = follow(context, files);
  await followed.start();
  publish('..2');
  rmSync(join(folder, '..1'), { recursive: true });
  await until(() => taken.length > 1, 'both files are read');
  assert.deepEqual(taken[1], { '--cert': 'certificate ..2', '--key': 'key ..2' });
  assert.deepEqual(outcomes, ['done']);
});

test('a reload reads at once, says what is wrong, and does nothing where nothing has changed', async (context) => {
  const file = join(folderFor(context), 'file');
  const { followed, taken, outcomes } = follow(context, { '--a': file });
  await assert.rejects(followed.start(), { lines: [`--a: cannot read ${file}: ENOENT`] });
  writeFileSync(file, 'one');
  await followed.start();
  await followed.reload();
  writeFileSync(file, 'two');
  await followed.reload();
  rmSync(file);
  await assert.rejects(followed.reload(), /cannot read/);
  assert.deepEqual(taken, [{ '--a': 'one' }, { '--a': 'two' }]);
  assert.deepEqual(outcomes.slice(0, 2), ['done', 'failed']);
});
