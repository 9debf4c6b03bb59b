/**
 * Paths to contracts.
 *
 * Mounts what the profile lists, and `/` and `/health`. A path that nobody serves is 404; a method
 * that a path does not take is 405 with `Allow`, whatever the method.
 */

import Router from '@koa/router';
import type { Middleware } from 'koa';

import { ServiceError } from '../errors/service-error.js';
import type { Exchanges } from './exchanges.js';

export interface Endpoint {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly handler: Middleware;
}

/** Runs the endpoint that matches, having told the exchange which it is. */
export function routeTo(endpoints: readonly Endpoint[], exchanges: Exchanges): Middleware[] {
  const router = new Router({ sensitive: true });
  for (const { method, path, handler } of endpoints) {
    router.register(path, method === 'GET' ? ['GET', 'HEAD'] : [method], [
      async function noteRoute(context, next) {
        exchanges.of(context.res).route = path;
        await next();
      },
      handler,
    ]);
  }
  return [
    router.routes() as unknown as Middleware,
    function refuseUnmatched(context) {
      const allowed = new Set(router.match(context.path, context.method).path.flatMap(methodsOf));
      if (allowed.size === 0) {
        throw new ServiceError('not_found', 'Nothing is served here; GET / lists the routes.');
      }
      const allow = [...allowed].join(', ');
      throw new ServiceError('method_not_allowed', `This path takes ${allow}.`, {
        headers: { allow },
      });
    },
  ];
}

function methodsOf(layer: { readonly methods: readonly string[] }): readonly string[] {
  return layer.methods;
}
