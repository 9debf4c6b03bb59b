/**
 * The `chorus` command as a child process, for tests of what only a real process shows: exit codes,
 * signals, what is printed where.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../cli/main.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  /** How many files the process may have open. */
  readonly openFiles?: number;
  /** How long a file may become that it writes: as on a disk that is full, it is told so. */
  readonly fileBytes?: number;
  /** Which cores it may run on, as taskset takes them. */
  readonly cores?: string;
  /** File descriptors to print to, instead of what is kept here. */
  readonly stdout?: number | 'pipe';
  readonly stderr?: number | 'pipe';
}

export class ChorusProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #stdout = '';
  #stderr = '';

  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    { openFiles, fileBytes, cores, stdout = 'pipe', stderr = 'pipe' }: Surroundings = {},
  ) {
    const { PATH } = process.env;
    const env = { PATH, ...environment };
    const stdio = ['ignore' as const, stdout, stderr];
    const bound = cores === undefined ? [] : ['taskset', '--cpu-list', cores];
    const command = [...bound, process.execPath, MAIN, ...args];
    const limits = [
      ...(openFiles === undefined ? [] : [`ulimit -n ${openFiles}`]),
      // In blocks of 512 bytes.
      ...(fileBytes === undefined ? [] : [`ulimit -f ${Math.floor(fileBytes / 512)}`]),
    ];
    const limited = ['sh', '-c', [...limits, 'exec "$@"'].join(' && '), 'sh', ...command];
    const [file = '', ...rest] = limits.length === 0 ? command : limited;
    this.#child = spawn(file, rest, { env, stdio });
    this.#ended = once(this.#child, 'close');
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it has written to standard output so far. */
  get written(): string {
    return this.#stdout;
  }

  /** The same of standard error. */
  get told(): string {
    return this.#stderr;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves when the process has ended. */
  async finished(): Promise<Finished> {
    const [code] = (await this.#ended) as [number | null];
    return { code, stdout: this.#stdout, stderr: this.#stderr };
  }

  /**
   * Resolves with the first log line that has the message `msg`.
   *
   * @throws {Error} with everything printed when the process ends without it.
   */
  async logged(msg: string): Promise<Readonly<Record<string, unknown>>> {
    const ended = this.#ended.then(() => true);
    for (;;) {
      const lines = this.#stdout.split('\n').slice(0, -1);
      const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      const entry = entries.find((candidate) => candidate.msg === msg);
      if (entry !== undefined) return entry;
      const more = once(this.#child.stdout ?? this.#child, 'data').then(() => false);
      if (await Promise.race([more, ended])) {
        throw new Error(`ended without logging "${msg}":\n${this.#stdout}${this.#stderr}`);
      }
    }
  }
}

/** Runs `chorus` to its end. */
export function runChorus(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  surroundings: Surroundings = {},
): Promise<Finished> {
  return new ChorusProcess(args, environment, surroundings).finished();
}

/** The environment of a process that runs `code` when it gets SIGUSR2. */
export function onSignal(code: string): Record<string, string> {
  const module = `process.on('SIGUSR2', () => { ${code} })`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}
