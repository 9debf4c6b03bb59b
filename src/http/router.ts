/**
 * Paths to what answers them.
 *
 * A path that nobody serves is 404; a method that a path does not take is 405 with `Allow`, whatever the
 * method.
 */

import Router from '@koa/router';

import { ServiceError } from '../errors/service-error.js';
import type { Middleware, State } from './state.js';

/** What answers one method of one path. */
export interface Handler {
  readonly method: 'GET' | 'POST';
  /** With parameters such as `{model}`. */
  readonly path: string;
  readonly answer: Middleware;
}

/** Runs the handler that matches; `index` is the path that lists them. */
export function routeTo(handlers: readonly Handler[], index: string): Middleware[] {
  const router = new Router<State>({ sensitive: true });
  for (const { method, path, answer } of handlers) {
    if (method === 'GET') router.get(pattern(path), answer);
    else router.post(pattern(path), answer);
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
