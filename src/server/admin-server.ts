/**
 * The listener for those who operate the service: metrics, figures, probes and reloads.
 *
 * On a port of its own so that overload, limits and draining of the public one do not touch it, and on a thread of its
 * own (`admin-thread.ts`), so that a busy event loop does not. It starts first and stops last: probes have an answer
 * while models load and while requests drain.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { problem } from '../errors/problem.js';
import { sendError } from '../errors/send-error.js';
import { ServiceError } from '../errors/service-error.js';
import { connectionOf } from '../http/connection.js';
import { pathOf, queryOf } from '../http/target.js';
import { isPrecision, precisions, type Precision } from '../precisions.js';
import type { Page, Question } from './admin-messages.js';
import { Connections } from './connections.js';
import { failed, notReady, type Phase, type Vitals } from './readiness.js';
import type { Wanted } from './reload.js';

/** Without progress for this long while work waits, or without a turn of the event loop, only a restart helps. */
const STALLED_AFTER_SECONDS = 30;

export interface AdminParts {
  /** Asks the thread of the service for what only it can do; rejects with a `ServiceError`. */
  readonly ask: (question: Question) => Promise<Page>;
  readonly phase: () => Phase;
  /** The engine's figures; `undefined` while it loads. */
  readonly stats: () => Vitals | undefined;
  /** Since the event loop that serves requests has last shown that it turns. */
  readonly secondsSinceHeartbeat: () => number;
}

/** Fewer than the descriptors that clients of the public port leave. */
const MAX_CONNECTIONS = 48;

/** Whoever asks here is near, and says little. What is never asked must not take a probe's place for longer. */
const TIMEOUTS = { headersTimeout: 5000, requestTimeout: 5000, connectionsCheckingInterval: 1000 };

const WRITE_TIMEOUT_MS = 10_000;

interface Served {
  readonly methods: readonly string[];
  /** The page, or throws why there is none. */
  readonly answer: (parts: AdminParts, request: IncomingMessage) => Page | Promise<Page>;
}

const OK: Page = { contentType: 'text/plain; charset=utf-8', body: 'ok\n' };

const pages: Readonly<Record<string, Served>> = {
  '/metrics': read(({ ask }, { headers }) => ask({ what: 'metrics', accept: headers.accept })),
  '/stats': read(({ ask }) => ask({ what: 'stats' })),
  '/livez': read(live),
  '/readyz': read(ready),
  '/startupz': read(ready),
  '/reload': {
    methods: ['POST'],
    answer: ({ ask }, request) => ask({ what: 'reload', wanted: wantedBy(queryOf(request)) }),
  },
};

function read(answer: Served['answer']): Served {
  return { methods: ['GET', 'HEAD'], answer };
}

export function createAdminServer(parts: AdminParts): Server {
  const server = createServer(TIMEOUTS, (request, response) => {
    const connection = connectionOf(request.socket);
    connection.requestOpened(response);
    response.once('close', () => {
      connection.requestClosed();
    });
    const path = pathOf(request);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    void answer(page, response, parts);
  });
  const limits = { maxConnections: MAX_CONNECTIONS, writeTimeout: WRITE_TIMEOUT_MS };
  // Nobody counts them: the metrics of connections are those of clients.
  const observer = { connectionDropped: () => undefined, connectionClosed: () => undefined };
  new Connections(limits, observer).watch(server, false, () => undefined);
  return server;
}

async function answer(
  page: Served | undefined,
  response: ServerResponse,
  parts: AdminParts,
): Promise<void> {
  try {
    if (page === undefined) {
      throw new ServiceError('not_found', `Served here: ${Object.keys(pages).join(', ')}.`);
    }
    const { req: request } = response;
    if (!page.methods.includes(request.method ?? '')) {
      const allow = page.methods.join(', ');
      const options = { headers: { allow } };
      throw new ServiceError('method_not_allowed', `This path takes ${allow}.`, options);
    }
    const { contentType, body } = await page.answer(parts, request);
    const length = Buffer.byteLength(body);
    response.writeHead(200, { 'content-type': contentType, 'content-length': length }).end(body);
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
    else {
      const detail = `A reload takes profile=NAME and precision=${precisions.join('|')}, both optional.`;
      throw new ServiceError('reload_failed', detail);
    }
  }
  return wanted;
}

function live({ stats, secondsSinceHeartbeat }: AdminParts): Page {
  requireHeartbeat(secondsSinceHeartbeat());
  const current = stats();
  const failure = failed(current);
  if (failure !== undefined) throw failure;
  const { pendingTexts = 0, secondsSinceProgress = 0 } = current ?? {};
  if (pendingTexts > 0 && secondsSinceProgress > STALLED_AFTER_SECONDS) {
    const waiting = `${pendingTexts} texts wait and no batch has ended for`;
    throw new ServiceError('stalled', `${waiting} ${Math.round(secondsSinceProgress)} s.`);
  }
  return OK;
}

function ready({ phase, stats, secondsSinceHeartbeat }: AdminParts): Page {
  requireHeartbeat(secondsSinceHeartbeat());
  const reason = notReady(phase(), stats());
  if (reason !== undefined) throw reason;
  return OK;
}

function requireHeartbeat(seconds: number): void {
  if (seconds <= STALLED_AFTER_SECONDS) return;
  throw new ServiceError('stalled', `The event loop has hung for ${Math.round(seconds)} s.`);
}
