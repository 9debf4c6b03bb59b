/**
 * The chart's Redis: its scripts, the real server, and the service agree on what the password in a secret is.
 */

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { runChorus } from '../testing/chorus-process.js';
import { folderFor } from '../testing/folder.js';
import { freePort } from '../testing/free-port.js';
import { until } from '../testing/until.js';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

const scriptOf = (name: string) => readFileSync(path(`helm/files/${name}`), 'utf8').trim();

/** Where Redis' programs are; fetched where the machine has none. */
function programs(): string {
  const find = (...words: string[]) =>
    execFileSync(path('bench/tools/debian.sh'), words, { encoding: 'utf8' }).trim();
  const found = [find('redis-server'), find('redis-cli', 'redis-tools')];
  return [...found.map((program) => dirname(program)), process.env.PATH].join(':');
}

for (const [what, password] of [
  ['alone', 'a word'],
  ['with a line break behind it, as files have', 'a word\n'],
  ['with one of another system', 'a word\r\n'],
  ['with what a configuration would take for its own', '"quoted" \\n $(id) \'x\'\n'],
] as const) {
  test(`a password ${what} opens the Redis to its probes and to the service`, async (context) => {
    const folder = folderFor(context);
    const port = String(await freePort());
    const env = { ...process.env, PATH: programs(), REDISCLI_AUTH: password };
    const run = (script: string, ...args: string[]) =>
      ['-c', scriptOf(script), 'redis', ...args] as const;
    const start = run('start-redis.sh', '--port', port, '--bind', '127.0.0.1', '--save', '');
    const server = spawn('sh', start, { env, cwd: folder, stdio: 'ignore' });
    context.after(async () => {
      if (server.kill('SIGKILL')) await once(server, 'exit');
    });

    const probe = run('ping-redis.sh', port);
    const answer = () => promisify(execFile)('sh', probe, { env }).catch(() => undefined);
    await until(answer, 'the probe passes');
    assert.equal((await answer())?.stdout, 'PONG\n');

    const file = join(folder, 'redis-password');
    writeFileSync(file, password);
    const url = `redis://127.0.0.1:${port}`;
    const flags = ['--cache-redis-url', url, '--cache-redis-password-file', file];
    const { code, stderr } = await runChorus(['cache', 'ping', ...flags]);
    assert.equal(code, 0, stderr);
  });
}
