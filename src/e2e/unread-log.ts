/**
 * A `chorus serve` at debug whose log the test takes, or does not.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { ChorusProcess, type Surroundings } from '../testing/chorus-process.js';
import { freePort } from '../testing/free-port.js';
import { until } from '../testing/until.js';
import { scrapeUntil } from './running-chorus.js';

export interface Serving {
  readonly chorus: ChorusProcess;
  readonly port: number;
  readonly adminPort: number;
}

/** Starts a service that logs every request, and waits for its probe: nobody reads its log. */
export async function startUnread(
  context: TestContext,
  outputs: Surroundings,
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

/** Long ids make long lines. */
const headers = { 'x-request-id': 'x'.repeat(128) };

/** Makes the service log so many lines, of some 250 bytes each. */
export async function log({ port }: Serving, lines: number): Promise<void> {
  const some = Array.from({ length: 20 }, async () => {
    for (let sent = 0; sent < lines / 20; sent += 1) {
      await (await fetch(`http://127.0.0.1:${port}/health`, { headers })).text();
    }
  });
  await Promise.all(some);
}

export async function droppedBy({ adminPort }: Serving): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return Number(/^chorus_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1]);
}

/** It answers, counts what is lost, and at SIGTERM answers what it accepted. */
export async function servesAndDrains(serving: Serving): Promise<void> {
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

export function pipe(context: TestContext): { reader: number; writer: number } {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-log-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, 'w') };
}
