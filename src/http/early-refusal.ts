/**
 * Refuses a request at its header, where nothing of it is read and nothing is made for it.
 *
 * What it costs to read and to route a request that is then refused is little, and at ten times of what can be answered
 * it is all that the event loop does. So once many are open, whoever would wait too long is told so at once, unless
 * answers are kept: it may have one whatever the engine has to do, but no search of an index. While the event loop is late that is asked for every
 * request, which has waited for the loop already. A large body costs more to read and to parse than to refuse, whatever
 * else there is to do.
 */

import type { IncomingMessage } from 'node:http';

import type { Engine } from '../engine/engine.js';
import type { ServiceError } from '../errors/service-error.js';
import type { ServedIndex } from '../retrieval/served-index.js';
import type { Endpoint } from '../routes/endpoints.js';
import { searchRefusal } from './search-refusal.js';
import { pathOf } from './target.js';
import { hurryOf } from './wishes.js';

/** What is known of a request by its header. */
type Head = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

/** Why a request is refused while so many are open; `undefined` where it is not. */
export type EarlyRefusal = (request: Head, open: number) => ServiceError | undefined;

/** With fewer open requests nobody is in such need that another question to the engine pays. */
const MANY_OPEN = 32;

const LARGE_BODY_BYTES = 16 * 1024;

/** By so much the event loop is late when it has more to do than time. */
const LATE_MS = 50;

export interface EarlyRefusalParts {
  readonly endpoints: readonly Endpoint[];
  readonly engine: Engine;
  /** Where a route looks in one. */
  readonly index?: ServedIndex | undefined;
  readonly answerTimeoutMs: number;
  /** Whether answers are kept, which the engine need not be asked for. */
  readonly keepsAnswers: boolean;
  /** By how much the event loop is late, in milliseconds. */
  readonly lagMs: () => number;
}

export function earlyRefusal(parts: EarlyRefusalParts): EarlyRefusal {
  const { endpoints, engine, index, answerTimeoutMs, keepsAnswers, lagMs } = parts;
  const endpointOf = askingIn(endpoints);
  return (request, open) => {
    if (request.method !== 'POST') return;
    const waitedMs = lagMs();
    const asksEngine =
      waitedMs > LATE_MS || (open >= MANY_OPEN && !keepsAnswers) || isLarge(request);
    const asksIndex = index !== undefined && (asksEngine || open >= MANY_OPEN);
    if (!asksEngine && !asksIndex) return;
    const endpoint = endpointOf(pathOf(request));
    if (endpoint === undefined) return;
    const { route, operation } = endpoint;
    try {
      const hurry = hurryOf(request.headers, answerTimeoutMs, route.priority);
      const isSearched = asksIndex && operation.asksIndex === true;
      const refusal = isSearched ? searchRefusal(engine, index, 1, hurry, waitedMs) : undefined;
      return refusal ?? (asksEngine ? engine.refusal(hurry, waitedMs) : undefined);
    } catch {
      // A header that is wrong is told where the others are.
      return;
    }
  };
}

function isLarge({ headers }: Head): boolean {
  return Number(headers['content-length'] ?? 0) > LARGE_BODY_BYTES;
}

/** The endpoints that ask models, by the path of a request. */
function askingIn(endpoints: readonly Endpoint[]): (path: string) => Endpoint | undefined {
  const asking = endpoints.filter(({ operation: { asksModels, method } }) => {
    return asksModels && method === 'POST';
  });
  const byPath = new Map(asking.map((endpoint) => [endpoint.path, endpoint]));
  const patterns = asking
    .filter(({ path }) => path.includes('{'))
    .map((endpoint) => ({ pattern: patternOf(endpoint.path), endpoint }));
  return (path) => byPath.get(path) ?? patterns.find(({ pattern }) => pattern.test(path))?.endpoint;
}

/** `/models/{model}` as a regular expression. */
function patternOf(path: string): RegExp {
  const literals = path.split(/\{\w+\}/).map((part) => part.replace(/[^\w/]/g, '\\$&'));
  return new RegExp(`^${literals.join('[^/]+')}$`);
}
