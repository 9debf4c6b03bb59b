/**
 * The Koa application: error handling, then the profile's routes.
 *
 * Knows the engine only by its interface, so a test gives it a few lines. Sockets, limits and
 * malformed requests are the business of `server/`.
 */

import type { RequestListener } from 'node:http';

import Koa from 'koa';

import type { Engine } from '../engine/engine.js';
import type { Logger } from '../log/logger.js';
import type { Profile } from '../profile/schema.js';
import { contracts } from '../routes/index.js';
import type { Exchanges } from './exchanges.js';
import { handleErrors } from './handle-errors.js';
import { healthEndpoint, indexEndpoint } from './info.js';
import { bodyReader } from './read-body.js';
import { routeTo, type Endpoint } from './router.js';

export interface AppParts {
  readonly profile: Profile;
  readonly engine: Engine;
  readonly exchanges: Exchanges;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  readonly answerTimeoutMs: number;
  readonly textRepaired: () => void;
  readonly isDraining: () => boolean;
}

/** Every response given to the listener must have an open exchange in `parts.exchanges`. */
export function createApp(parts: AppParts): RequestListener {
  const { profile, exchanges, logger } = parts;
  const app = new Koa();
  // Koa's own report prints stacks to stderr; `handleErrors` leaves it socket errors alone.
  app.silent = true;
  app.use(handleErrors(exchanges, logger));
  for (const layer of routeTo(endpointsOf(parts), exchanges)) app.use(layer);
  const handle = app.callback();
  return (request, response) => {
    void handle(request, response);
  };

  function endpointsOf(services: AppParts): Endpoint[] {
    const readBody = bodyReader(services.maxBodyBytes);
    const routes = profile.routes.map(({ path, contract, models }): Endpoint => {
      const { method, mount } = contracts[contract];
      return { method, path, handler: mount(models, { ...services, readBody }) };
    });
    return [indexEndpoint(profile), healthEndpoint(profile, services.isDraining), ...routes];
  }
}
