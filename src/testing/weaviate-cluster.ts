/**
 * Real nodes of Weaviate on loopback, for tests, that are killed with the test.
 *
 * A node that ends while its peers do not answer is started again, as a supervisor does: its gossip gives up where
 * nobody is there to join.
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort, freePorts } from './free-port.js';
import { until } from './until.js';

const FINDER = fileURLToPath(new URL('../../bench/tools/weaviate.sh', import.meta.url));
const READY_MS = 90_000;
const START_AGAIN_MS = 300;
/** In a row, as nodes of one machine look for each other: of gossip, of data, of consensus, and of its calls. */
const PORTS_IN_A_ROW = 4;

interface Ports {
  /** The first of those in a row. */
  readonly first: number;
  readonly grpc: number;
  readonly http: number;
}

export class WeaviateNode {
  #child: ChildProcess | undefined;
  #isWanted = false;

  constructor(
    readonly name: string,
    private readonly folder: string,
    private readonly ports: Ports,
    private readonly peers: Readonly<Record<string, string>>,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.ports.http}`;
  }

  start(): void {
    this.#isWanted = true;
    const { first, grpc, http } = this.ports;
    const where = ['--host', '127.0.0.1', '--port', String(http), '--scheme', 'http'];
    this.#child = spawn(binary(), where, {
      stdio: 'ignore',
      env: {
        ...{ AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'true', DISABLE_TELEMETRY: 'true' },
        ...{ DEFAULT_VECTORIZER_MODULE: 'none', GOMEMLIMIT: '1GiB', ASYNC_INDEXING: 'true' },
        ...{ PERSISTENCE_DATA_PATH: join(this.folder, this.name), CLUSTER_HOSTNAME: this.name },
        ...{ CLUSTER_ADVERTISE_ADDR: '127.0.0.1', CLUSTER_BIND_ADDR: '127.0.0.1' },
        ...{ CLUSTER_IN_LOCALHOST: 'true' },
        ...{ CLUSTER_GOSSIP_BIND_PORT: String(first), CLUSTER_DATA_BIND_PORT: String(first + 1) },
        ...{ RAFT_PORT: String(first + 2), RAFT_INTERNAL_RPC_PORT: String(first + 3) },
        ...{ GRPC_PORT: String(grpc), ...this.peers, ...this.environment },
      },
    });
    this.#child.once('exit', () => {
      setTimeout(() => {
        if (this.#isWanted) this.start();
      }, START_AGAIN_MS);
    });
  }

  /** SIGSTOP and SIGCONT make it stand still and go on. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** It stays dead until it is started. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async isReady(): Promise<boolean> {
    const ready = await fetch(`${this.url}/v1/.well-known/ready`).catch(() => undefined);
    return ready?.ok === true;
  }
}

export class WeaviateCluster {
  private constructor(
    readonly nodes: readonly WeaviateNode[],
    private readonly folder: string,
  ) {}

  static async start(
    count = 3,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<WeaviateCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'chorus-weaviate-'));
    const ports: Ports[] = [];
    for (let at = 0; at < count; at += 1) {
      const first = await freePorts(PORTS_IN_A_ROW);
      ports.push({ first, grpc: await freePort(), http: await freePort() });
    }
    const peers = {
      RAFT_BOOTSTRAP_EXPECT: String(count),
      CLUSTER_JOIN: ports.map(({ first }) => `127.0.0.1:${first}`).join(','),
      RAFT_JOIN: ports.map(({ first }, at) => `n${at}:${first + 2}`).join(','),
    };
    const nodes = ports.map(
      (own, at) => new WeaviateNode(`n${at}`, folder, own, peers, environment),
    );
    const cluster = new WeaviateCluster(nodes, folder);
    for (const node of nodes) node.start();
    await cluster.ready();
    return cluster;
  }

  get urls(): string {
    return this.nodes.map(({ url }) => url).join(',');
  }

  /** Resolves once every node answers, and they have agreed on who leads. */
  async ready(): Promise<void> {
    for (const node of this.nodes) await until(() => node.isReady(), 'a node is ready', READY_MS);
    await until(
      async () => {
        const known = await Promise.all(this.nodes.map(({ url }) => healthyOf(url)));
        return known.every((healthy) => healthy === this.nodes.length);
      },
      'all nodes are well',
      READY_MS,
    );
  }

  /** The node that decides on collections and aliases. */
  async leader(): Promise<WeaviateNode> {
    const answer = await fetch(`${this.nodes[0]?.url}/v1/cluster/statistics`);
    const { statistics } = (await answer.json()) as { statistics: { leaderId: string }[] };
    const found = this.nodes.find(({ name }) => name === statistics[0]?.leaderId);
    if (found === undefined) throw new Error('no node leads');
    return found;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await sleep(START_AGAIN_MS);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** How many nodes are well, as the one at `url` knows. */
async function healthyOf(url: string): Promise<number> {
  const answer = await fetch(`${url}/v1/nodes`).catch(() => undefined);
  return ((await answer?.text()) ?? '').split('"HEALTHY"').length - 1;
}

let found: string | undefined;

function binary(): string {
  return (found ??= execFileSync(FINDER, { encoding: 'utf8' }).trim());
}
