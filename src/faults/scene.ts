/**
 * The real service under a fault: the built command, its ports, and how rows speak to it.
 *
 * Whatever is received through a scene is held to what every answer must be (`answers`).
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

import { ChorusProcess, type Surroundings } from '../testing/chorus-process.js';
import { answerOf, answersIn, CANARY, type Answer } from './answers.js';

/** Where a profile answers, and a body that it takes. */
const PROFILES = {
  starter: { path: '/process', body: JSON.stringify(CANARY) },
  'sentiment-starter': { path: '/predict', body: JSON.stringify({ text: [CANARY] }) },
} as const;

/** How the service of an act is started. */
export interface Staging {
  /** `starter` unless it says otherwise. */
  readonly profile?: keyof typeof PROFILES;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly surroundings?: Surroundings;
}

/** What was sent and never answered ends the test by then. */
const PATIENCE_MS = 30_000;
const LOOPBACK = ['--host', '127.0.0.1', '--port', '0', '--admin-host', '127.0.0.1'];

export class Scene {
  private constructor(
    readonly chorus: ChorusProcess,
    readonly port: number,
    readonly adminPort: number,
    private readonly route: string,
    private readonly good: string,
  ) {}

  static async start({
    profile = 'starter',
    flags = [],
    environment = {},
    surroundings = {},
  }: Staging): Promise<Scene> {
    const args = ['serve', profile, ...LOOPBACK, '--admin-port', '0', '--log-level', 'debug'];
    const chorus = new ChorusProcess([...args, ...flags], environment, surroundings);
    const { port, adminPort } = await chorus.logged('ready');
    const { path, body } = PROFILES[profile];
    const scene = new Scene(chorus, Number(port), Number(adminPort), path, body);
    // Code is compiled, pages are touched and caches of the allocator are filled before anything is compared.
    for (let count = 0; count < 50; count += 1) await scene.post(`${scene.good} `);
    return scene;
  }

  async stop(): Promise<void> {
    this.chorus.signal('SIGKILL');
    await this.chorus.finished();
  }

  /** Sends one request of its own connection. */
  async post(
    body: string | Buffer = this.good,
    headers: Readonly<Record<string, string>> = {},
    path = this.route,
  ): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method: 'POST',
      body,
      headers: { connection: 'close', ...headers },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return answerOf(response);
  }

  /** Sends a text as a client of the profile does. */
  ask(text: string): Promise<Answer> {
    return this.post(JSON.stringify(text));
  }

  /** A request as bytes; `headers` end with a line break each. */
  request(headers: string, body = ''): string {
    return `POST ${this.route} HTTP/1.1\r\nHost: a\r\n${headers}\r\n${body}`;
  }

  /** A whole request that is answered with 200; the connection goes on. */
  get wellFormed(): string {
    return this.request(`Content-Length: ${this.good.length}\r\n`, this.good);
  }

  /** Sends `bytes`; until the service closes the connection it must give answers of exactly these statuses. */
  async exchange(
    bytes: string | Buffer,
    ...statuses: readonly number[]
  ): Promise<readonly Answer[]> {
    const socket = this.connect();
    socket.write(bytes);
    const answers = answersIn(await everything(socket));
    const shown = JSON.stringify(bytes.toString('latin1').slice(0, 120));
    const given = answers.map(({ status }) => status);
    assert.deepEqual(given, statuses, `answers to ${shown}`);
    return answers;
  }

  /** A connection that the test speaks on, and that may break; of a proxy in front, by its port. */
  connect(port = this.port): Socket {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {
      // A reset ends the connection as well as a close does.
    });
    return socket;
  }

  async metrics(): Promise<string> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    // Kept alive it would be an open file of the service for seconds.
    const headers = { connection: 'close' };
    return (await fetch(`http://127.0.0.1:${this.adminPort}/metrics`, { signal, headers })).text();
  }

  /** The sum of the samples that are `name`, with or without labels; 0 where there is none yet. */
  async count(name: string): Promise<number> {
    return countIn(await this.metrics(), name);
  }

  /** Open files, as the kernel counts them: nothing need be answered for it. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.chorus.pid}/fd`).length;
  }

  /** Memory of the process itself in bytes, without what it shares with others and with files. */
  get memory(): number {
    const status = readFileSync(`/proc/${this.chorus.pid}/status`, 'utf8');
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }
}

export function countIn(metrics: string, name: string): number {
  let sum = 0;
  for (const line of metrics.split('\n')) {
    const [sample = '', value] = line.split(/ (?=\S+$)/);
    if (sample === name || sample.startsWith(`${name}{`)) sum += Number(value);
  }
  return sum;
}

/** Everything received until the service ends the connection; fails when it does not. */
export async function everything(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    socket.destroy();
  }, PATIENCE_MS);
  await new Promise<void>((resolve) => {
    socket.once('end', () => {
      socket.destroy();
    });
    socket.once('close', () => {
      resolve();
    });
  });
  clearTimeout(timer);
  assert.ok(!isLate, `the connection stood for ${PATIENCE_MS / 1000} s`);
  return Buffer.concat(chunks);
}

/** A scene that is gone with the test. */
export async function ownScene(context: TestContext, staging: Staging): Promise<Scene> {
  const scene = await Scene.start(staging);
  context.after(() => scene.stop());
  return scene;
}
