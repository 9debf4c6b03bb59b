import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SERVE = fileURLToPath(new URL('serve.js', import.meta.url));
const COMMIT = 'abcdef0123'.repeat(4);

test('a folder is served with its repositories and their commits', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'chorus-hub-'));
  context.after(() => rm(folder, { recursive: true }));
  for (const [repo, text] of [
    ['name', 'main'],
    [`name@${COMMIT}`, 'commit'],
    ['name@refs%2Fpr%2F1', 'pull request'],
  ] as const) {
    await mkdir(join(folder, 'owner', repo, 'sub'), { recursive: true });
    await writeFile(join(folder, 'owner', repo, 'sub', 'README.md'), text);
  }
  await symlink('sub/README.md', join(folder, 'owner/name/model.safetensors'));

  const child = spawn(process.execPath, [SERVE, '--folder', folder], { stdio: 'pipe' });
  context.after(() => child.kill());
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [endpoint = '', ...repos] = line.toString().trim().split(/\s+/);
  assert.deepEqual(repos, ['owner/name']);
  for (const [path, text] of [
    ['main/sub/README.md', 'main'],
    ['main/model.safetensors', 'main'],
    [`${COMMIT}/sub/README.md`, 'commit'],
    ['abcdef0/sub/README.md', 'commit'],
    ['refs%2Fpr%2F1/sub/README.md', 'pull request'],
  ]) {
    const answer = await fetch(`${endpoint}/owner/name/resolve/${path ?? ''}`);
    assert.equal(await answer.text(), text);
  }
});

test('serving without a folder says how', async () => {
  const child = spawn(process.execPath, [SERVE], { stdio: 'ignore' });
  assert.deepEqual(await once(child, 'close'), [2, null]);
});
