/**
 * The listener for those who operate the service: metrics, figures and probes.
 *
 * On a port of its own so that overload, limits and draining of the public one do not touch it. It
 * starts first and stops last: probes have an answer while models load and while requests drain.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { problem } from '../errors/problem.js';
import { sendError } from '../errors/send-error.js';
import { ServiceError } from '../errors/service-error.js';
import type { EngineStats } from '../engine/engine.js';
import { pathOf } from '../http/target.js';
import type { Stats } from '../stats/schema.js';
import { failed, notReady, type Phase } from './readiness.js';

/** Without progress for this long while work waits, only a restart helps. */
const STALLED_AFTER_SECONDS = 30;

export interface AdminParts {
  /** The metrics, in the format that this `Accept` prefers. */
  readonly scrape: (accept: string | undefined) => Promise<Page>;
  /** What `/stats` answers. */
  readonly figures: () => Stats;
  readonly phase: () => Phase;
  /** The engine's figures; `undefined` while it loads. */
  readonly stats: () => EngineStats | undefined;
}

interface Page {
  readonly contentType: string;
  readonly body: string;
}

type Answer = (parts: AdminParts, request: IncomingMessage) => Page | Promise<Page>;

const OK: Page = { contentType: 'text/plain; charset=utf-8', body: 'ok\n' };

/** Each answers, or throws why the probe fails. */
const pages: Readonly<Record<string, Answer>> = {
  '/metrics': ({ scrape }, { headers }) => scrape(headers.accept),
  '/stats': ({ figures }) => ({
    contentType: 'application/json',
    body: `${JSON.stringify(figures(), null, 2)}\n`,
  }),
  '/livez': live,
  '/readyz': ready,
  '/startupz': ready,
};

export function createAdminServer(parts: AdminParts): Server {
  return createServer((request, response) => {
    const path = pathOf(request);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    void answer(page, response, parts);
  });
}

async function answer(
  page: Answer | undefined,
  response: ServerResponse,
  parts: AdminParts,
): Promise<void> {
  try {
    if (page === undefined) {
      throw new ServiceError('not_found', `Served here: ${Object.keys(pages).join(', ')}.`);
    }
    const { req: request } = response;
    const { method } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      const headers = { allow: 'GET, HEAD' };
      throw new ServiceError('method_not_allowed', 'This path takes GET, HEAD.', { headers });
    }
    const { contentType, body } = await page(parts, request);
    response.writeHead(200, { 'content-type': contentType }).end(body);
  } catch (thrown) {
    sendError(response, ServiceError.from(thrown), randomUUID(), problem);
  }
}

function live({ stats }: AdminParts): Page {
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

function ready({ phase, stats }: AdminParts): Page {
  const reason = notReady(phase(), stats());
  if (reason !== undefined) throw reason;
  return OK;
}
