/**
 * Refuses a request at its header, where nothing of it is read and nothing is made for it.
 *
 * What it costs to read and to route a request that is then refused is little, and at ten times of what can be answered
 * it is all that the event loop does. So once many are open, whoever would wait too long is told so at once. Where
 * answers are kept, a request may have one whatever the engine has to do: then only while the event loop is late itself.
 */

import type { IncomingMessage } from 'node:http';

import type { Engine } from '../engine/engine.js';
import type { ServiceError } from '../errors/service-error.js';
import type { Endpoint } from '../routes/endpoints.js';
import { pathOf } from './target.js';
import { hurryOf } from './wishes.js';

export type EarlyRefusal = (request: IncomingMessage, open: number) => ServiceError | undefined;

/** With fewer open requests nobody is in such need that another question to the engine pays. */
const MANY_OPEN = 32;

export interface EarlyRefusalParts {
  readonly endpoints: readonly Endpoint[];
  readonly engine: Engine;
  readonly answerTimeoutMs: number;
  /** Whether answers are kept, which the engine need not be asked for. */
  readonly keepsAnswers: boolean;
  /** Whether the event loop is late. */
  readonly isLate: () => boolean;
}

export function earlyRefusal(parts: EarlyRefusalParts): EarlyRefusal {
  const { endpoints, engine, answerTimeoutMs, keepsAnswers, isLate } = parts;
  const asking = endpoints.filter(({ operation, path }) => {
    return operation.asksModels && operation.method === 'POST' && !path.includes('{');
  });
  const byPath = new Map(asking.map(({ path, route }) => [path, route]));
  return (request, open) => {
    if (open < MANY_OPEN || request.method !== 'POST' || (keepsAnswers && !isLate())) return;
    const route = byPath.get(pathOf(request));
    if (route === undefined) return;
    try {
      return engine.refusal(hurryOf(request.headers, answerTimeoutMs, route.priority));
    } catch {
      // A header that is wrong is told where the others are.
      return;
    }
  };
}
