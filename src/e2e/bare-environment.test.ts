/**
 * The service where there is next to nothing around it: no home, no user, no current folder.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const NOBODY = ['--reuid', '12345', '--regid', '12345', '--clear-groups'];

/** Runs `chorus` without any environment, as a user that has no entry in passwd. */
function bare(args: readonly string[]) {
  return ['setpriv', ...NOBODY, 'env', '-i', process.execPath, MAIN, ...args];
}

const ports = ['--port', '0', '--admin-port', '0'];
const skip =
  spawnSync('setpriv', [...NOBODY, process.execPath, '--version']).status !== 0 &&
  'another user needs the right to become one';

/** Serves until it is ready, then stops it; resolves with what it printed and its exit code. */
async function serve([command = '', ...args]: readonly string[], cwd = tmpdir()) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  const collect = (chunk: Buffer) => {
    printed += chunk.toString();
    if (!child.killed && printed.includes('"msg":"ready"')) child.kill('SIGTERM');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, printed };
}

test('the starter models are served without a home or an entry in passwd', { skip }, async () => {
  const { code, printed } = await serve(bare(['serve', 'starter', ...ports]));
  assert.equal(code, 0, printed);
  assert.match(printed, /"msg":"stopped"/);
});

for (const args of [
  ['models', 'sentiment'],
  ['pull', 'sentiment'],
]) {
  test(`without a home, chorus ${args.join(' ')} says what to set`, { skip }, () => {
    const [command = '', ...rest] = bare(args);
    const { status, stderr } = spawnSync(command, rest, { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^chorus: There is no home folder for the hub's cache; set HF_HUB_CACHE or HF_HOME .*\n$/,
    );
  });
}

test('the starter models are served from a folder that is gone', async () => {
  const gone = mkdtempSync(join(tmpdir(), 'chorus-gone-'));
  const script = `cd "$0" && rmdir "$0" && exec "$@"`;
  const command = [process.execPath, MAIN, 'serve', 'starter', ...ports];
  const { code, printed } = await serve(['sh', '-c', script, gone, ...command]);
  assert.equal(code, 0, printed);
  assert.throws(() => {
    rmdirSync(gone);
  });
});
