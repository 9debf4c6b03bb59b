/**
 * The listener for those who operate the service: metrics and probes.
 *
 * On a port of its own so that overload, limits and draining of the public one do not touch it, and on a thread of its
 * own (`admin-thread.ts`), so that a busy event loop does not. It starts first and stops last: probes have an answer
 * while models load and while requests drain.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';

import { problem } from '../errors/problem.js';
import { sendError } from '../errors/send-error.js';
import { ServiceError } from '../errors/service-error.js';
import { pathOf } from '../http/target.js';
import { failed, notReady, type Phase, type Vitals } from './readiness.js';

/** Without progress for this long while work waits, or without a turn of the event loop, only a restart helps. */
const STALLED_AFTER_SECONDS = 30;

export interface AdminParts {
  readonly contentType: string;
  /** The text exposition of the metrics. */
  readonly scrape: () => Promise<string>;
  readonly phase: () => Phase;
  /** The engine's figures; `undefined` while it loads. */
  readonly stats: () => Vitals | undefined;
  /** Since the event loop that serves requests has last shown that it turns. */
  readonly secondsSinceHeartbeat: () => number;
}

/** Fewer than the descriptors that clients of the public port leave. */
const MAX_CONNECTIONS = 48;

type Answer = (parts: AdminParts) => string | Promise<string>;

/** Each answers its body, or throws why the probe fails. */
const pages: Readonly<Record<string, Answer>> = {
  '/metrics': (parts) => parts.scrape(),
  '/livez': live,
  '/readyz': ready,
  '/startupz': ready,
};

export function createAdminServer(parts: AdminParts): Server {
  const server = createServer((request, response) => {
    const path = pathOf(request);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    void answer(page, path, response, parts);
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function answer(
  page: Answer | undefined,
  path: string,
  response: ServerResponse,
  parts: AdminParts,
): Promise<void> {
  try {
    if (page === undefined) {
      throw new ServiceError('not_found', `Served here: ${Object.keys(pages).join(', ')}.`);
    }
    const { method } = response.req;
    if (method !== 'GET' && method !== 'HEAD') {
      const headers = { allow: 'GET, HEAD' };
      throw new ServiceError('method_not_allowed', 'This path takes GET, HEAD.', { headers });
    }
    const body = await page(parts);
    const type = path === '/metrics' ? parts.contentType : 'text/plain; charset=utf-8';
    response.writeHead(200, { 'content-type': type }).end(body);
  } catch (thrown) {
    sendError(response, ServiceError.from(thrown), randomUUID(), problem);
  }
}

function live({ stats, secondsSinceHeartbeat }: AdminParts): string {
  requireHeartbeat(secondsSinceHeartbeat());
  const current = stats();
  const failure = failed(current);
  if (failure !== undefined) throw failure;
  const { pendingTexts = 0, secondsSinceProgress = 0 } = current ?? {};
  if (pendingTexts > 0 && secondsSinceProgress > STALLED_AFTER_SECONDS) {
    const waiting = `${pendingTexts} texts wait and no batch has ended for`;
    throw new ServiceError('stalled', `${waiting} ${Math.round(secondsSinceProgress)} s.`);
  }
  return 'ok\n';
}

function ready({ phase, stats, secondsSinceHeartbeat }: AdminParts): string {
  requireHeartbeat(secondsSinceHeartbeat());
  const reason = notReady(phase(), stats());
  if (reason !== undefined) throw reason;
  return 'ok\n';
}

function requireHeartbeat(seconds: number): void {
  if (seconds <= STALLED_AFTER_SECONDS) return;
  throw new ServiceError('stalled', `The event loop has hung for ${Math.round(seconds)} s.`);
}
