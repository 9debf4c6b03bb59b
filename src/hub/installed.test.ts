import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { readProfile } from '../profile/read.js';
import { folderFor } from '../testing/folder.js';
import { lockedCommits } from './installed.js';

const CONFIGURATION = 'c'.repeat(40);
const WEIGHTS = 'd'.repeat(40);

test('a pulled model is of the commit of its configuration, a folder of the own of none', (context) => {
  const folder = folderFor(context);
  const profile = join(folder, 'own.yaml');
  const source = { repo: 'owner/model', revision: 'ccccccc' };
  const names = ['pulled', 'own', 'unlocked'];
  writeFileSync(
    profile,
    JSON.stringify({
      name: 'own',
      models: names.map((name) => ({ name, source })),
      routes: [{ path: '/process', contract: 'process', models: names }],
    }),
  );
  mkdirSync(join(folder, 'own', 'own'), { recursive: true });
  const file = { bytes: 1, sha256: 'a'.repeat(64) };
  const locked = {
    repo: source.repo,
    revision: source.revision,
    weights_revision: source.revision,
    licence: 'mit',
    files: [
      { ...file, path: 'model.safetensors', commit: WEIGHTS },
      { ...file, path: 'config.json', commit: CONFIGURATION },
    ],
  };
  const lock = { version: 2, models: { pulled: locked, own: locked } };
  writeFileSync(join(folder, 'own.lock.json'), JSON.stringify(lock));
  const read = readProfile(profile, join(folder, 'own'));
  assert.deepEqual([...lockedCommits(read)], [['pulled', CONFIGURATION]]);
});
