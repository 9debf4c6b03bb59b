/**
 * The one place where a request's error becomes an answer and a log line.
 *
 * Anything thrown further in ends here. Logs get the code and, for our own faults, the cause; they
 * never get text, bodies or headers.
 */

import type { Middleware } from 'koa';

import { ServiceError } from '../errors/service-error.js';
import { sendProblem } from '../errors/send-problem.js';
import type { Logger } from '../log/logger.js';
import type { Exchanges } from './exchanges.js';

export function handleErrors(exchanges: Exchanges, logger: Logger): Middleware {
  return async function handleErrors(context, next) {
    const exchange = exchanges.of(context.res);
    try {
      await next();
    } catch (thrown) {
      const error = ServiceError.from(thrown);
      exchange.errorCode = error.code;
      // Sent by hand: Koa would close the connection under a client that is still sending.
      context.respond = false;
      sendProblem(context.res, error, exchange.id);
      if (error.status === 500) {
        logger.error({ requestId: exchange.id, reason: error.code, err: error.cause ?? error });
      }
    }
  };
}
