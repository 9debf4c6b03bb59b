/**
 * Paths to endpoints.
 *
 * A path that nobody serves is 404; a method that a path does not take is 405 with `Allow`, whatever the
 * method.
 */

import Router from '@koa/router';

import { ServiceError } from '../errors/service-error.js';
import type { Endpoint } from '../routes/endpoints.js';
import type { Middleware, State } from './state.js';

/** Runs what `handlerOf` gives for the endpoint that matches; `index` is the path that lists them. */
export function routeTo(
  endpoints: readonly Endpoint[],
  index: string,
  handlerOf: (endpoint: Endpoint) => Middleware,
): Middleware[] {
  const router = new Router<State>({ sensitive: true });
  for (const endpoint of endpoints) {
    const path = pattern(endpoint.path);
    if (endpoint.operation.method === 'GET') router.get(path, handlerOf(endpoint));
    else router.post(path, handlerOf(endpoint));
  }
  return [
    router.routes() as unknown as Middleware,
    function refuseUnmatched({ path, method }) {
      const allowed = new Set(router.match(path, method).path.flatMap(({ methods }) => methods));
      if (allowed.size === 0) {
        throw new ServiceError(
          'not_found',
          `Nothing is served here; GET ${index} lists the routes.`,
        );
      }
      const allow = [...allowed].join(', ');
      throw new ServiceError('method_not_allowed', `This path takes ${allow}.`, {
        headers: { allow },
      });
    },
  ];
}

/** `/models/{model}` as the router writes it. */
function pattern(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}
