/**
 * What the public port says about itself: `GET /` lists the routes, `GET /health` is the check that
 * a load balancer without access to the admin port can make.
 */

import { ServiceError } from '../errors/service-error.js';
import type { Profile } from '../profile/schema.js';
import { contracts } from '../routes/index.js';
import type { Endpoint } from './router.js';

export function indexEndpoint({ name, routes }: Profile): Endpoint {
  const body = {
    profile: name,
    routes: routes.map(({ path, contract, models }) => ({
      method: contracts[contract].method,
      path,
      contract,
      models,
    })),
  };
  return {
    method: 'GET',
    path: '/',
    handler: function index(context) {
      context.body = body;
    },
  };
}

export function healthEndpoint(profile: Profile, isDraining: () => boolean): Endpoint {
  const body = {
    status: 'ok',
    profile: profile.name,
    models: profile.models.map(({ name }) => name),
  };
  return {
    method: 'GET',
    path: '/health',
    handler: function health(context) {
      if (isDraining()) throw new ServiceError('draining', 'No new requests should come here.');
      context.body = body;
    },
  };
}
