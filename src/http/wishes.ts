/**
 * What a client may wish for besides an answer, by headers: by when, in which class, and not from a cache.
 */

import type { IncomingHttpHeaders } from 'node:http';

import type { Hurry, Priority } from '../engine/engine.js';
import { ServiceError } from '../errors/service-error.js';

/** How many milliseconds the client waits: what comes later is not worth computing. */
export const DEADLINE_HEADER = 'chorus-deadline';
export const PRIORITY_HEADER = 'chorus-priority';

/**
 * When the answer is wanted, of a route whose requests have `ofRoute` as their class unless they state another.
 *
 * @throws {ServiceError} `malformed_request`
 */
export function hurryOf(headers: IncomingHttpHeaders, timeoutMs: number, ofRoute: Priority): Hurry {
  return { deadlineMs: deadlineOf(headers, timeoutMs), priority: priorityOf(headers, ofRoute) };
}

/** Milliseconds for the answer: the client's own where it states fewer than `timeoutMs`; 0: no limit. */
function deadlineOf(headers: IncomingHttpHeaders, timeoutMs: number): number {
  const stated = headers[DEADLINE_HEADER];
  if (stated === undefined) return timeoutMs;
  if (typeof stated !== 'string' || !/^[1-9]\d{0,8}$/.test(stated)) {
    throw malformed(`${DEADLINE_HEADER} must be a number of milliseconds, such as 800.`);
  }
  const wanted = Number(stated);
  return timeoutMs === 0 ? wanted : Math.min(wanted, timeoutMs);
}

/** The class of a request, that of its route where it states none. */
function priorityOf(headers: IncomingHttpHeaders, ofRoute: Priority): Priority {
  const stated = headers[PRIORITY_HEADER];
  if (stated === undefined) return ofRoute;
  if (stated !== 'interactive' && stated !== 'batch') {
    throw malformed(`${PRIORITY_HEADER} must be interactive or batch.`);
  }
  return stated;
}

/** Whether what was kept will not do: RFC 9111, section 5.2.1.4. */
export function isFreshWanted(headers: IncomingHttpHeaders): boolean {
  const directives = headers['cache-control'] ?? '';
  return directives.split(',').some((directive) => directive.trim().toLowerCase() === 'no-cache');
}

function malformed(detail: string): ServiceError {
  return new ServiceError('malformed_request', detail);
}
