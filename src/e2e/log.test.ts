/**
 * The log of a real process whose lines nobody takes: it serves and ends as if they were read.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';

import { ChorusProcess, type Outputs } from '../testing/chorus-process.js';
import { freePort } from '../testing/free-port.js';
import { until } from '../testing/until.js';
import { scrapeUntil, startChorus } from './running-chorus.js';

interface Serving {
  readonly chorus: ChorusProcess;
  readonly port: number;
  readonly adminPort: number;
}

/** Starts a service that logs every request, and waits for its probe: nobody reads its log. */
async function startUnread(
  context: TestContext,
  outputs: Outputs,
  environment = {},
): Promise<Serving> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const ports = ['--port', String(port), '--admin-port', String(adminPort)];
  const args = ['serve', 'starter', ...ports, '--log-level', 'debug'];
  const chorus = new ChorusProcess(args, environment, outputs);
  context.after(() => {
    chorus.signal('SIGKILL');
  });
  const isReady = async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok;
  await until(() => isReady().catch(() => false), 'the service is ready');
  return { chorus, port, adminPort };
}

async function ask({ port }: Serving, question: string): Promise<number> {
  const url = `http://127.0.0.1:${port}/process`;
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(question) });
  await response.text();
  return response.status;
}

/** As many lines as are asked for; quick ones. */
async function log({ port }: Serving, lines: number): Promise<void> {
  const some = Array.from({ length: 20 }, async () => {
    for (let sent = 0; sent < lines / 20; sent += 1) {
      await (await fetch(`http://127.0.0.1:${port}/health`)).text();
    }
  });
  await Promise.all(some);
}

async function droppedBy({ adminPort }: Serving): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return Number(/^chorus_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1]);
}

/** It answers, counts what is lost, and at SIGTERM answers what it accepted. */
async function servesAndDrains(serving: Serving): Promise<void> {
  assert.equal(await ask(serving, 'one'), 200);
  assert.equal(await ask(serving, 'two'), 200);
  assert.ok((await droppedBy(serving)) > 0);
  const texts = Array.from({ length: 32 }, (_, index) => `${index} ${'and on '.repeat(200)}`);
  const answers = Promise.all(texts.map((one) => ask(serving, one)));
  await scrapeUntil(
    { ...serving, process: serving.chorus, post: () => Promise.reject(new Error()) },
    /^http_server_active_requests [1-9]/m,
  );
  serving.chorus.signal('SIGTERM');
  assert.deepEqual([...new Set(await answers)], [200]);
  assert.equal((await serving.chorus.finished()).code, 0);
}

function pipe(context: TestContext): { reader: number; writer: number } {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-log-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, 'w') };
}

test('a full disk under the log and the banner costs their lines alone', async (context) => {
  const full = openSync('/dev/full', 'w');
  const serving = await startUnread(context, { stdout: full, stderr: full });
  closeSync(full);
  await servesAndDrains(serving);
});

const maySetLimits = spawnSync('prlimit', ['--version']).status === 0;

test(
  'lines are written again once a full disk has room',
  { skip: !maySetLimits && 'prlimit stands in for a disk that is full for a while' },
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'chorus-disk-'));
    context.after(() => {
      rmSync(folder, { recursive: true });
    });
    const file = join(folder, 'log');
    const fd = openSync(file, 'a');
    const serving = await startUnread(context, { stdout: fd });
    closeSync(fd);
    const { pid } = serving.chorus;
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=16384:']);
    await log(serving, 200);
    await until(async () => (await droppedBy(serving)) > 0, 'lines are dropped');
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:']);
    await servesAndDrains(serving);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.match(lines.at(-1) ?? '', /"msg":"stopped"/);
    const torn = lines.filter((line) => !/^\{.*\}$/.test(line));
    assert.ok(torn.length <= 1, `whole lines follow what is torn: ${torn.join('\n')}`);
  },
);

test('a reader that stalls stops nothing', async (context) => {
  const { reader, writer } = pipe(context);
  const serving = await startUnread(context, { stdout: writer, stderr: writer });
  closeSync(writer);
  await log(serving, 8000);
  await servesAndDrains(serving);
  closeSync(reader);
});

test('a reader that is gone stops nothing', async (context) => {
  const { reader, writer } = pipe(context);
  const serving = await startUnread(context, { stdout: writer, stderr: writer });
  closeSync(writer);
  closeSync(reader);
  await servesAndDrains(serving);
});

test('every line of a normal end is written, also by a reader that begins late', async (context) => {
  const { reader, writer } = pipe(context);
  const serving = await startUnread(context, { stdout: writer });
  closeSync(writer);
  await log(serving, 1000);
  assert.equal(await droppedBy(serving), 0);
  serving.chorus.signal('SIGTERM');
  const livez = () => fetch(`http://127.0.0.1:${serving.adminPort}/livez`);
  const isGone = () =>
    livez()
      .then(() => false)
      .catch(() => true);
  await until(isGone, 'the service has stopped');
  const lines = (await text(new Socket({ fd: reader }))).split('\n');
  assert.equal((await serving.chorus.finished()).code, 0);
  assert.equal(lines.filter((line) => line.includes('"route":"/health"')).length, 1000);
  assert.match(lines.at(-2) ?? '', /"msg":"stopped"\}$/);
});

/** Runs `code` in the process when it gets SIGUSR2. */
function onSignal(code: string): Record<string, string> {
  const module = `process.on('SIGUSR2', () => { ${code} })`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}

test('an error that nobody caught is in the log, and ends the process', async () => {
  const { process: chorus } = await startChorus([], onSignal(`throw new Error('boom')`));
  chorus.signal('SIGUSR2');
  const { code, stdout } = await chorus.finished();
  assert.equal(code, 1);
  assert.match(stdout, /"level":"error".*"message":"boom".*"msg":"crashed"\}\n$/);
});

test('an error that nobody caught ends the process while the reader stalls', async (context) => {
  const { reader, writer } = pipe(context);
  const environment = onSignal(`throw new Error('boom')`);
  const serving = await startUnread(context, { stdout: writer, stderr: writer }, environment);
  closeSync(writer);
  await log(serving, 2000);
  serving.chorus.signal('SIGUSR2');
  assert.equal((await serving.chorus.finished()).code, 1);
  closeSync(reader);
});

test('what libraries and Node print is a line of the log', async () => {
  const printing = onSignal(`console.log('a', { b: 1 }); process.emitWarning('careful')`);
  const { process: chorus } = await startChorus([], printing);
  chorus.signal('SIGUSR2');
  const printed = await chorus.logged('a { b: 1 }');
  assert.equal(printed.level, 'warn');
  const warning = await chorus.logged('warning of Node.js');
  assert.equal((warning.err as Error).message, 'careful');
  chorus.signal('SIGTERM');
  assert.equal((await chorus.finished()).code, 0);
});
