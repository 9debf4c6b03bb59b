/**
 * The npm package, as images are made of it: it alone serves every profile whose models come with it.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { locateProfile, shippedProfiles } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Nobody listens there: what is not in the package is nowhere. */
const NO_HUB = { HF_ENDPOINT: 'http://127.0.0.1:1', HF_HOME: '/nowhere' };

let folder: string;
let main: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'chorus-package-'));
  const flags = ['--ignore-scripts', '--silent', '--pack-destination', folder];
  const archive = execFileSync('npm', ['pack', ...flags], { cwd: ROOT, encoding: 'utf8' }).trim();
  execFileSync('tar', ['-xzf', join(folder, archive), '-C', folder]);
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'package/node_modules'));
  main = join(folder, 'package/dist/cli/main.js');
});

after(() => {
  rmSync(folder, { recursive: true });
});

const offline = shippedProfiles()
  .filter((name) =>
    readProfile(locateProfile(name)).models.every(({ folder }) => existsSync(folder)),
  )
  .sort();

test('some profiles come with their models', () => {
  assert.deepEqual(offline, ['classic', 'retrieval-starter', 'sentiment-starter', 'starter']);
});

for (const name of offline) {
  test(`the package answers the golden texts of ${name} without a hub`, () => {
    const env = { PATH: process.env.PATH, ...NO_HUB };
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'check', name], {
      encoding: 'utf8',
      env,
      cwd: folder,
    });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^Self-test passed\.$/m);
  });
}
