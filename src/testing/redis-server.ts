/**
 * A real Redis on a free port of loopback, for tests, that is killed with the test.
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { createClient } from '@redis/client';

import { freePort } from './free-port.js';

const NOTHING_ON_DISK = ['--save', '', '--appendonly', 'no'];
const FINDER = fileURLToPath(new URL('../../bench/tools/redis.sh', import.meta.url));

export class RedisServer {
  #child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    /** Those of its command line besides where it listens and works. */
    private readonly flags: readonly string[],
  ) {}

  /** A server that answers; `flags` as on its command line. */
  static start(context: TestContext, ...flags: readonly string[]): Promise<RedisServer> {
    return RedisServer.started(context, [...NOTHING_ON_DISK, ...flags]);
  }

  /** A Sentinel with this configuration, which it rewrites. */
  static startSentinel(context: TestContext, file: string): Promise<RedisServer> {
    return RedisServer.started(context, [file, '--sentinel']);
  }

  private static async started(
    context: TestContext,
    flags: readonly string[],
  ): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), 'chorus-redis-'));
    const server = new RedisServer(await freePort(), folder, flags);
    context.after(async () => {
      await server.kill();
      rmSync(folder, { recursive: true });
    });
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const where = ['--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.folder];
    // A file of settings comes first.
    this.#child = spawn(binary(), [...this.flags, ...where], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('it has no output');
    let written = '';
    for await (const chunk of stdout) {
      written += String(chunk);
      if (/Ready to accept connections|Sentinel ID is/.test(written)) break;
    }
    if (this.#child.exitCode !== null) throw new Error(`redis-server ended: ${written}`);
  }

  /** SIGSTOP and SIGCONT make it stand still and go on. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** What a command of Redis answers. */
  async command(...words: readonly string[]): Promise<unknown> {
    const client = createClient({ url: this.url });
    await client.connect();
    try {
      return await client.sendCommand([...words]);
    } finally {
      await client.close();
    }
  }

  async keys(): Promise<readonly string[]> {
    return ((await this.command('KEYS', '*')) as string[]).sort();
  }
}

let found: string | undefined;

function binary(): string {
  return (found ??= execFileSync(FINDER, { encoding: 'utf8' }).trim());
}
