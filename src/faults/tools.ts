/**
 * Programs that faults are made with: pinned, fetched where they are absent, never done without.
 */

import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestContext } from 'node:test';

/** The script of bench/tools that finds each, with what it is asked for. */
const FINDERS = {
  haproxy: ['debian.sh', 'haproxy'],
  k6: ['k6.sh'],
  'libfaketimeMT.so.1': ['debian.sh', 'libfaketimeMT.so.1', 'libfaketime'],
  nginx: ['debian.sh', 'nginx'],
  slowhttptest: ['debian.sh', 'slowhttptest'],
  toxiproxy: ['toxiproxy.sh'],
} as const;

/** One that does not end when it is told to is killed. */
const ENDS_WITHIN_MS = 5000;

export type Tool = keyof typeof FINDERS;

/** Its path. */
export function pathOf(tool: Tool): string {
  const [script, ...args] = FINDERS[tool];
  const file = fileURLToPath(new URL(`../../bench/tools/${script}`, import.meta.url));
  return execFileSync(file, args, { encoding: 'utf8' }).trim();
}

/** Runs it to its end; gives what it wrote. Fails where it does, after `timeoutMs` at the latest. */
export async function runTool(
  tool: Tool,
  args: readonly string[],
  timeoutMs = 60_000,
): Promise<string> {
  const options = { timeout: timeoutMs, maxBuffer: 64 << 20 };
  const { stdout } = await promisify(execFile)(pathOf(tool), args, options);
  return stdout;
}

/** Starts it; it is ended with the test. */
export function startTool(context: TestContext, tool: Tool, args: readonly string[]): ChildProcess {
  const child = spawn(pathOf(tool), args, { stdio: ['ignore', 'ignore', 'inherit'] });
  context.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    // So that nginx ends its workers with it.
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
    await once(child, 'exit');
    clearTimeout(timer);
  });
  return child;
}
