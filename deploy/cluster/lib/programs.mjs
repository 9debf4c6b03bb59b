/**
 * Programs that run until they are stopped, and commands that end by themselves.
 */

import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const BIN = join(import.meta.dirname, '../../.bin');

/** A binary of `deploy/tools/build.sh`. */
export const tool = (name) => join(BIN, name);

/** Runs a command to its end; resolves with what it wrote. Throws with all of it when it fails. */
export async function run(command, args, { input, timeoutMs = 60_000, ...options } = {}) {
  const child = promisify(execFile)(command, args, {
    timeout: timeoutMs,
    maxBuffer: 64 << 20,
    ...options,
  });
  if (input !== undefined) child.child.stdin.end(input);
  try {
    return await child;
  } catch (error) {
    const why = error.killed ? `took more than ${timeoutMs / 1000} s` : `exit code ${error.code}`;
    const line = [command, ...args].join(' ').slice(0, 200);
    throw new Error(`${line}: ${why}\n${error.stdout ?? ''}${error.stderr ?? ''}`.trim());
  }
}

/** Waits until `condition` neither throws nor is false; resolves with what it answered. */
export async function until(what, condition, timeoutMs = 60_000) {
  const deadline = Date.now() + timeoutMs;
  let last;
  for (;;) {
    try {
      const answer = await condition();
      if (answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`${what}: not so after ${timeoutMs / 1000} s. ${last?.message ?? ''}`);
    }
    await sleep(200);
  }
}

/** The programs of one cluster. Each writes a log into `folder`. */
export class Programs {
  #running = [];

  constructor(folder) {
    this.folder = folder;
  }

  start(name, command, args, options = {}) {
    const file = join(this.folder, `${name}.log`);
    const log = openSync(file, 'w');
    const child = spawn(command, args, { stdio: ['ignore', log, log], ...options });
    closeSync(log);
    const program = { name, child, file };
    child.on('error', (error) => (program.ended = error.message));
    child.on(
      'exit',
      (code, signal) => (program.ended = `ended by ${signal ?? `exit code ${code}`}`),
    );
    this.#running.push(program);
  }

  /** Throws when a program is gone that should run. */
  requireAll() {
    const gone = this.#running.find(({ ended }) => ended !== undefined);
    if (gone) throw new Error(`${gone.name} ${gone.ended}`);
  }

  /** The last lines of every log. */
  tails() {
    return this.#running
      .map(
        ({ name, file }) =>
          `--- ${name}\n${readFileSync(file, 'utf8').split('\n').slice(-8).join('\n')}`,
      )
      .join('\n');
  }

  /** At once: the state is thrown away, so nothing is gained by waiting for a graceful end. */
  stop() {
    for (const { child } of this.#running.reverse()) child.kill('SIGKILL');
    this.#running = [];
  }
}
