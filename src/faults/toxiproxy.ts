/**
 * Shopify's toxiproxy between the service and something that it speaks to.
 *
 * Its API: https://github.com/Shopify/toxiproxy#http-api.
 */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { freePort } from '../testing/free-port.js';
import { until } from '../testing/until.js';
import { startTool } from './tools.js';

export interface Toxic {
  readonly type: 'bandwidth' | 'latency' | 'reset_peer' | 'slicer' | 'timeout';
  /** `downstream`, towards the service, unless it says otherwise. */
  readonly stream?: 'downstream' | 'upstream';
  readonly attributes: Readonly<Record<string, number>>;
}

export class Toxiproxy {
  private constructor(
    private readonly api: string,
    /** Where it listens for the service. */
    readonly port: number,
  ) {}

  /** One that leads to `target`, a port of loopback, and spoils nothing yet. */
  static async start(context: TestContext, target: number): Promise<Toxiproxy> {
    const [apiPort, port] = [await freePort(), await freePort()];
    const api = `http://127.0.0.1:${apiPort}`;
    startTool(context, 'toxiproxy', ['-host', '127.0.0.1', '-port', String(apiPort)]);
    const answers = () => fetch(`${api}/version`).then(({ ok }) => ok);
    await until(() => answers().catch(() => false), 'toxiproxy answers');
    const proxy = new Toxiproxy(api, port);
    const listen = `127.0.0.1:${port}`;
    await proxy.tell('', { name: 'redis', listen, upstream: `127.0.0.1:${target}` });
    return proxy;
  }

  async add(toxic: Toxic): Promise<void> {
    await this.tell('/redis/toxics', { name: toxic.type, ...toxic });
  }

  async remove({ type }: Toxic): Promise<void> {
    const response = await fetch(`${this.api}/proxies/redis/toxics/${type}`, { method: 'DELETE' });
    assert.equal(response.status, 204);
  }

  private async tell(path: string, what: object): Promise<void> {
    const body = JSON.stringify(what);
    const response = await fetch(`${this.api}/proxies${path}`, { method: 'POST', body });
    assert.ok(response.ok, await response.text());
  }
}
