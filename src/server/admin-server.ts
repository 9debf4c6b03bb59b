/**
 * The listener for those who operate the service: metrics, probes, and reloads.
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
import { pathOf, queryOf } from '../http/target.js';
import { isPrecision, precisions, type Precision } from '../precisions.js';
import { failed, notReady, type Phase, type Vitals } from './readiness.js';
import type { Wanted } from './reload.js';

/** Without progress for this long while work waits, or without a turn of the event loop, only a restart helps. */
const STALLED_AFTER_SECONDS = 30;

export interface AdminParts {
  readonly contentType: string;
  /** The text exposition of the metrics. */
  readonly scrape: () => Promise<string>;
  /** Serves something else; gives what is served then, as JSON. */
  readonly reload: (wanted: Wanted) => Promise<string>;
  readonly phase: () => Phase;
  /** The engine's figures; `undefined` while it loads. */
  readonly stats: () => Vitals | undefined;
  /** Since the event loop that serves requests has last shown that it turns. */
  readonly secondsSinceHeartbeat: () => number;
}

/** Fewer than the descriptors that clients of the public port leave. */
const MAX_CONNECTIONS = 48;

interface Page {
  readonly method: 'GET' | 'POST';
  readonly type: (parts: AdminParts) => string;
  /** The body, or throws why there is none. */
  readonly answer: (parts: AdminParts, query: URLSearchParams) => string | Promise<string>;
}

const plain = () => 'text/plain; charset=utf-8';

const pages: Readonly<Record<string, Page>> = {
  '/metrics': {
    method: 'GET',
    type: ({ contentType }) => contentType,
    answer: ({ scrape }) => scrape(),
  },
  '/livez': { method: 'GET', type: plain, answer: live },
  '/readyz': { method: 'GET', type: plain, answer: ready },
  '/startupz': { method: 'GET', type: plain, answer: ready },
  '/reload': {
    method: 'POST',
    type: () => 'application/json',
    answer: ({ reload }, query) => reload(wantedBy(query)),
  },
};

export function createAdminServer(parts: AdminParts): Server {
  const server = createServer((request, response) => {
    const path = pathOf(request);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    void answer(page, queryOf(request), response, parts);
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function answer(
  page: Page | undefined,
  query: URLSearchParams,
  response: ServerResponse,
  parts: AdminParts,
): Promise<void> {
  try {
    if (page === undefined) {
      throw new ServiceError('not_found', `Served here: ${Object.keys(pages).join(', ')}.`);
    }
    const { method = '' } = response.req;
    const allowed = page.method === 'GET' ? ['GET', 'HEAD'] : [page.method];
    if (!allowed.includes(method)) {
      const allow = allowed.join(', ');
      const options = { headers: { allow } };
      throw new ServiceError('method_not_allowed', `This path takes ${allow}.`, options);
    }
    const body = await page.answer(parts, query);
    response.writeHead(200, { 'content-type': page.type(parts) }).end(body);
  } catch (thrown) {
    sendError(response, ServiceError.from(thrown), randomUUID(), problem);
  }
}

/** @throws {ServiceError} `reload_failed` for what cannot be wanted. */
function wantedBy(query: URLSearchParams): Wanted {
  const wanted: { profile?: string; precision?: Precision } = {};
  for (const [name, value] of query) {
    if (name === 'profile' && value !== '') wanted.profile = value;
    else if (name === 'precision' && isPrecision(value)) wanted.precision = value;
    else throw new ServiceError('reload_failed', reloadUsage);
  }
  return wanted;
}

const reloadUsage = `A reload takes profile=NAME and precision=${precisions.join('|')}, both optional.`;

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
