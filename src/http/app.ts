/**
 * The Koa application: error handling, then the endpoints and files.
 *
 * Knows the engine only by its interface, so a test gives it a few lines. Sockets, limits and
 * malformed requests are the business of `server/`.
 */

import type { RequestListener } from 'node:http';

import Koa from 'koa';
import compose from 'koa-compose';

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
import type { Context, State } from './state.js';

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
  // Not by `app.callback()`: Koa would close the connection under a client that is still sending, what it does for answers
  // of every kind costs a fifth of one that was kept, and to hear of their end a tenth. The exchange answers.
  const layers = compose([
    handleErrors(exchanges, logger),
    ...routeTo(handlers, pathPrefix || '/'),
  ]);
  return (request, response) => {
    layers(app.createContext(request, response) as Context).catch((error: unknown) => {
      // Not one of a request, which has been told: of what tells them.
      logger.error({ reason: 'internal', err: error });
      response.destroy();
    });
  };
}
