/**
 * How many connections the process may have open files for.
 *
 * Without a descriptor nothing can be accepted, on the admin port either, and probes that fail have the process
 * restarted. So some are kept for everything but clients.
 */

import { readdirSync, readFileSync } from 'node:fs';

import type { Logger } from '../log/logger.js';

/** For probes and scrapes, Redis and its Sentinels, files that are read while requests are served. */
const RESERVED = 64;

export interface Descriptors {
  readonly limit: number;
  readonly open: number;
}

/** Those of this process; `undefined` where the system does not say so in `/proc`. */
export function descriptors(): Descriptors | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
    const open = readdirSync('/proc/self/fd').length;
    return Number.isNaN(limit) ? undefined : { limit, open };
  } catch {
    return undefined;
  }
}

/** As many of `wanted` connections as there are descriptors for; one at least. */
export function affordable(wanted: number, available: Descriptors | undefined): number {
  if (available === undefined) return wanted;
  return Math.min(wanted, Math.max(1, available.limit - available.open - RESERVED));
}

/** As many connections as are wanted, or what the limit of open files allows; then a line of the log says so. */
export function maxConnections(wanted: number, logger: Logger): number {
  const available = descriptors();
  const allowed = affordable(wanted, available);
  if (allowed < wanted) {
    const why = 'fewer connections than --max-connections: the limit of open files allows no more';
    logger.warn({ maxConnections: allowed, openFiles: available?.limit }, why);
  }
  return allowed;
}
