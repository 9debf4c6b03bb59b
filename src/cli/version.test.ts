import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { folderFor } from '../testing/folder.js';
import { revisionOf } from './version.js';

test('an image says of which commit it is', (context) => {
  const root = folderFor(context);
  assert.equal(revisionOf({ CHORUS_REVISION: 'd6f1e80' }, root), 'd6f1e80');
  assert.equal(revisionOf({ CHORUS_REVISION: '' }, root), 'unknown');
});

test('a clone is of the commit that is checked out, a folder inside of one is of none', (context) => {
  const root = folderFor(context);
  // Neither the configuration of whoever runs it, nor the repository that a hook of git is about.
  const env = { PATH: process.env.PATH, HOME: root };
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, ...args], { stdio: 'pipe', env });
  assert.equal(revisionOf({}, root), 'unknown');
  git('init', '--quiet');
  assert.equal(revisionOf({}, root), 'unknown', 'nothing is committed yet');
  const who = ['-c', 'user.name=nobody', '-c', 'user.email=nobody@localhost'];
  git(...who, 'commit', '--quiet', '--allow-empty', '--message', 'first');
  assert.equal(revisionOf({}, root), String(git('rev-parse', 'HEAD')).trim());
  execFileSync('mkdir', [`${root}/inside`]);
  assert.equal(revisionOf({}, `${root}/inside`), 'unknown');
});
