/**
 * A `chorus serve` that is ready, on ports of its own.
 */

import { ChorusProcess } from '../testing/chorus-process.js';
import { until } from '../testing/until.js';

export interface RunningChorus {
  readonly process: ChorusProcess;
  readonly port: number;
  readonly adminPort: number;
  /** Posts as the sample curl does: with curl's default content type. */
  readonly post: (body: string) => Promise<Response>;
}

/** A profile, and the route that `post` sends to. */
interface Served {
  readonly profile: string;
  readonly path: string;
}

const STARTER: Served = { profile: 'starter', path: '/process' };

/** Starts a profile, the starter's where it names none, and resolves once it is ready. */
export async function startChorus(
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  { profile, path }: Served = STARTER,
): Promise<RunningChorus> {
  const ports = ['--port', '0', '--admin-port', '0'];
  const process = new ChorusProcess(['serve', profile, ...ports, ...flags], environment);
  const { port, adminPort } = (await process.logged('ready')) as Record<
    'port' | 'adminPort',
    number
  >;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return {
    process,
    port,
    adminPort,
    post: (body) => fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body }),
  };
}

/** Scrapes until the metrics match `pattern`, and resolves with that scrape. */
export function scrapeUntil({ adminPort }: RunningChorus, pattern: RegExp): Promise<string> {
  return until(
    async () => {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      return pattern.test(text) && text;
    },
    `the metrics match ${String(pattern)}`,
  );
}
