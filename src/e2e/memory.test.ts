/**
 * What a real process finds out about the machine, and what it says of its memory.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { startChorus } from './running-chorus.js';

const KIB = 1024;
const MIB = 1024 ** 2;

interface Loading {
  readonly needBytes: number;
  readonly limitBytes: number;
  readonly lanes: number;
}

async function loading(process: ChorusProcess): Promise<Loading> {
  return (await process.logged('loading')) as unknown as Loading;
}

test('a start that does not fit is refused before anything is loaded, with what would fit', async () => {
  const args = ['serve', 'starter', '--port', '0', '--memory-limit', '256MiB'];
  const { code, stderr, stdout } = await runChorus(args);
  assert.equal(code, 1);
  assert.match(stderr, /needs \d+ MiB of memory, and the process may take 256 MiB/);
  assert.match(stderr, / \d+ MiB {2}bodies of requests \(--max-body-memory\)$/m);
  assert.match(stderr, /What would fit: .*a limit of \d+ MiB/);
  assert.equal(stdout, '', 'no line of a log');
});

test('check says what a profile needs, and refuses what does not fit', async () => {
  const fits = await runChorus(['check', 'starter']);
  assert.match(fits.stdout, /Note: memory: up to \d+ MiB of \d+ MiB/);
  const refused = await runChorus(['check', 'starter', '--memory-limit', '8MiB']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /may take 8 MiB/);
});

test('a service takes no more than it says, with the largest bodies on many connections', async (t) => {
  const { process, post } = await startChorus(['--max-body-size', '1MiB']);
  t.after(() => {
    process.signal('SIGKILL');
  });
  const { needBytes, limitBytes } = await loading(process);
  assert.ok(needBytes < limitBytes);
  let most = 0;
  const timer = setInterval(() => (most = Math.max(most, anonymousBytes(process.pid))), 5);
  const body = (index: number) => JSON.stringify(`${index} ${'schöne Grüße 👍 '.repeat(40_000)}`);
  const answers = Array.from({ length: 48 }, (_, index) => post(body(index)));
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  clearInterval(timer);
  assert.ok(statuses.includes(200));
  assert.ok(most > 50 * MIB, `${most} bytes were seen`);
  assert.ok(most <= needBytes, `${most} bytes were taken, ${needBytes} stated`);
});

test('a service that may run on one core has one lane', async (t) => {
  const ports = ['--port', '0', '--admin-port', '0'];
  const chorus = new ChorusProcess(['serve', 'starter', ...ports], {}, { cores: '0' });
  t.after(() => {
    chorus.signal('SIGKILL');
  });
  assert.equal((await loading(chorus)).lanes, 1);
  const { adminPort } = await chorus.logged('ready');
  const metrics = await fetch(`http://127.0.0.1:${String(adminPort)}/metrics`);
  assert.match(await metrics.text(), /^chorus_lanes 1$/m);
});

function anonymousBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return KIB * Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]);
}
