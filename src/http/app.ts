/**
 * The Koa application: error handling, then the endpoints and files.
 *
 * Knows the engine only by its interface, so a test gives it a few lines. Sockets, limits and
 * malformed requests are the business of `server/`.
 */

import type { RequestListener } from 'node:http';

import Koa from 'koa';

import type { Logger } from '../log/logger.js';
import type { ServedFile } from '../routes/docs-page.js';
import type { Endpoint } from '../routes/endpoints.js';
import type { Authorize } from './authorization.js';
import type { CallServices } from './call.js';
import type { Exchanges } from './exchanges.js';
import { answerWithFile } from './files.js';
import { handleErrors } from './handle-errors.js';
import { answerBy } from './operation.js';
import { bodyReader } from './read-body.js';
import { routeTo, type Handler } from './router.js';
import type { State } from './state.js';

export interface AppParts extends CallServices {
  readonly endpoints: readonly Endpoint[];
  /** Open to all. */
  readonly files: readonly ServedFile[];
  readonly pathPrefix: string;
  readonly exchanges: Exchanges;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  /** Absent where no keys are asked for. */
  readonly authorize?: Authorize | undefined;
}

/** Every response given to the listener must have an open exchange in `parts.exchanges`. */
export function createApp(parts: AppParts): RequestListener {
  const { endpoints, files, pathPrefix, exchanges, logger, maxBodyBytes } = parts;
  const services = { ...parts, readBody: bodyReader(maxBodyBytes) };
  const handlers: Handler[] = [
    ...endpoints.map((endpoint) => {
      const { path, operation } = endpoint;
      return { method: operation.method, path, answer: answerBy(services, endpoint) };
    }),
    ...files.map((file) => {
      return { method: 'GET' as const, path: file.path, answer: answerWithFile(file) };
    }),
  ];
  const app = new Koa<State>();
  // Koa's own report prints stacks to stderr; `handleErrors` leaves it socket errors alone.
  app.silent = true;
  app.use(handleErrors(exchanges, logger));
  for (const layer of routeTo(handlers, pathPrefix || '/')) app.use(layer);
  const handle = app.callback();
  return (request, response) => {
    void handle(request, response);
  };
}
