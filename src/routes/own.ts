/**
 * What the service says about itself on its public port: which routes there are, that it is well (for load
 * balancers without access to the admin port), and `openapi.json`.
 */

import { z } from 'zod';

import { problem } from '../errors/problem.js';
import type { ServiceError } from '../errors/service-error.js';
import type { Profile } from '../profile/schema.js';
import { endpointsOf, ownPaths, type Endpoint, type Route } from './endpoints.js';
import { openApiOf, type OpenApiDocument } from './openapi.js';
import { operation, type Operation } from './operation.js';

export interface OwnParts {
  readonly profile: Profile;
  /** Those of the profile's routes. */
  readonly endpoints: readonly Endpoint[];
  readonly pathPrefix: string;
  /** Of the service. */
  readonly version: string;
  /** Why requests should not come here; `undefined` where they should. */
  readonly notReady: () => ServiceError | undefined;
  /** Whether keys are asked for. */
  readonly asksKeys: boolean;
}

/** The endpoints of `parts` behind those of the service itself, whose places `endpointsOf` keeps free. */
export function withOwn(parts: OwnParts): readonly Endpoint[] {
  const { profile, pathPrefix, version, asksKeys } = parts;
  const route: Route = {
    path: pathPrefix,
    contract: 'service',
    errors: problem,
    models: [],
    priority: 'interactive',
    keys: 'any',
  };
  // Load balancers have no keys.
  const open: Route = { ...route, keys: 'none' };
  const at = (operation: Operation, route: Route): Endpoint => {
    const path = pathPrefix + operation.path;
    return { path: path === '' ? '/' : path, operation, route };
  };
  const own = [
    at(indexOf(parts), route),
    at(healthOf(parts), open),
    at(
      openApi(() => document),
      route,
    ),
  ];
  const all = [...own, ...parts.endpoints];
  const document = openApiOf({ profile, version, endpoints: all, asksKeys });
  return all;
}

/** What a service answers at `/openapi.json`, for who has none at hand. */
export function documentOf(described: Omit<OwnParts, 'endpoints' | 'notReady'>): OpenApiDocument {
  const { profile, pathPrefix } = described;
  const own = endpointsOf(profile, pathPrefix);
  const endpoints = withOwn({ ...described, endpoints: own, notReady: () => undefined });
  return openApiOf({ ...described, endpoints });
}

const names = z.array(z.string());
const served = z.object({
  method: z.string(),
  path: z.string(),
  contract: z.string(),
  models: names,
});

function indexOf({ profile, endpoints }: OwnParts): Operation {
  const routes = endpoints.map(({ path, operation: { method }, route: { contract, models } }) => ({
    method,
    path,
    contract,
    models: [...models],
  }));
  return operation({
    method: 'GET',
    path: ownPaths.index,
    summary: 'List the routes',
    response: z.object({ profile: z.string(), routes: z.array(served) }),
    asksModels: false,
    answer: () => ({ profile: profile.name, routes }),
  });
}

function healthOf({ profile, notReady }: OwnParts): Operation {
  const models = profile.models.map(({ name }) => name);
  return operation({
    method: 'GET',
    path: ownPaths.health,
    summary: 'Tell whether requests should come here',
    response: z.object({ status: z.literal('healthy'), profile: z.string(), models: names }),
    asksModels: false,
    errors: ['stalled'],
    answer() {
      const reason = notReady();
      if (reason !== undefined) throw reason;
      return { status: 'healthy' as const, profile: profile.name, models };
    },
  });
}

function openApi(document: () => OpenApiDocument): Operation {
  return operation({
    method: 'GET',
    path: ownPaths.openapi,
    summary: 'Describe all of this as OpenAPI 3.1',
    response: z.looseObject({ openapi: z.string() }),
    asksModels: false,
    answer: () => ({ ...document() }),
  });
}
