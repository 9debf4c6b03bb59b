/**
 * A service with one route of one model, for tests of contracts.
 */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import type { InputFault } from '../errors/service-error.js';
import { fakeEngine, type FakeEngine } from './fake-engine.js';
import { startTestService, type TestService } from './test-service.js';
import { usualRoute } from './usual-route.js';

/** What is served at the path of the contract's name. */
export interface OneRoute {
  readonly contract: string;
  readonly model: string;
  readonly options?: object;
  readonly flags?: readonly string[];
  readonly engine?: FakeEngine;
}

export interface RouteService extends TestService {
  readonly engine: FakeEngine;
  /** Posts `body` as JSON, without a content type, as existing clients do. */
  readonly ask: (body: unknown) => Promise<Response>;
  /** Posts `body`, which must be refused as wrong before the engine sees it: a line for each fault. */
  readonly faults: (body: unknown) => Promise<string[]>;
}

interface Problem {
  readonly reason: string;
  readonly errors: readonly InputFault[];
}

export async function startRoute(
  context: TestContext,
  { contract, model, options = {}, flags = [], engine = fakeEngine() }: OneRoute,
): Promise<RouteService> {
  const path = `/${contract}`;
  const route = { ...usualRoute, path, contract, models: [model], options: { ...options } };
  const service = await startTestService(context, engine, flags, { routes: [route] });
  const ask = (body: unknown) =>
    fetch(service.origin + path, { method: 'POST', body: Buffer.from(JSON.stringify(body)) });
  const faults = async (body: unknown) => {
    const response = await ask(body);
    const { reason, errors } = (await response.json()) as Problem;
    assert.deepEqual([response.status, reason], [422, 'invalid_input'], JSON.stringify(body));
    assert.deepEqual(engine.seen, []);
    return errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
  };
  return { ...service, engine, ask, faults };
}
