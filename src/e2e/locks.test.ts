/**
 * `make lock`: the locks that profiles lack, and the check that refuses to publish without them.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { hubWorld } from './hub-world.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/locks.mjs', import.meta.url));

test('a profile of a hub without a lock is named, then has one', async (context) => {
  const { folder, profile, environment } = await hubWorld(context);
  const profiles = join(folder, 'profiles');
  mkdirSync(profiles);
  const own = join(profiles, 'own.yaml');
  renameSync(profile, own);
  const route = 'routes: [{ path: /process, contract: process }]\n';
  writeFileSync(
    join(profiles, 'local.yaml'),
    `name: local\nmodels: [{ name: a, path: ./a }]\n${route}`,
  );
  const locks = (...args: string[]) =>
    promisify(execFile)(process.execPath, [SCRIPT, ...args], {
      env: { PATH: process.env.PATH, ...environment },
    });

  await assert.rejects(locks('--check', profiles), (error: { code: number; stderr: string }) => {
    assert.equal(error.code, 1);
    assert.match(error.stderr, /^\S*own\.yaml has no lock of all its models; make lock writes it/);
    return !error.stderr.includes('local.yaml');
  });
  await locks(profiles);
  assert.ok(existsSync(join(profiles, 'own.lock.json')));
  await locks('--check', profiles);
  // A model that was added since.
  const more = '  - {name: added, source: {repo: some/other, revision: "0123456"}}';
  writeFileSync(
    own,
    readFileSync(own, 'utf8').replace(/^models:.*$/m, (line) => `${line}\n${more}`),
  );
  await assert.rejects(locks('--check', profiles), /own\.yaml has no lock of all its models/);

  // What the service refuses is no lock.
  const lock = join(profiles, 'own.lock.json');
  const written = readFileSync(lock, 'utf8');
  writeFileSync(own, readFileSync(own, 'utf8').replace(`${more}\n`, ''));
  await locks('--check', profiles);
  for (const [of, wrong, why] of [
    [/"version": 2/, '"version": 1', /own\.lock\.json is of version 1/],
    [/"weights_revision": "/, '$&0', /the profile names .*, but \S*own\.lock\.json has/],
    [/^/, 'no JSON', /own\.lock\.json is not a lock that/],
  ] as const) {
    writeFileSync(lock, written.replace(of, wrong));
    for (const args of [['--check', profiles], [profiles]]) {
      await assert.rejects(locks(...args), (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 1);
        assert.match(error.stderr, why);
        assert.doesNotMatch(error.stderr, /\n {4}at /);
        return true;
      });
    }
  }
});
