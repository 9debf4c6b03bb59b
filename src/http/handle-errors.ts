/**
 * The one place where a request's error becomes an answer and a log line.
 *
 * Anything thrown further in ends here. Logs get the code and, for our own faults, the cause; they
 * never get text, bodies or headers.
 */

import { ServiceError } from '../errors/service-error.js';
import type { Logger } from '../log/logger.js';
import type { Exchanges } from './exchanges.js';
import { traceFields } from './request-log.js';
import type { Middleware } from './state.js';

export function handleErrors(exchanges: Exchanges, logger: Logger): Middleware {
  return async function handleErrors(context, next) {
    const exchange = exchanges.of(context.res);
    context.state.exchange = exchange;
    try {
      await next();
    } catch (thrown) {
      const error = ServiceError.from(thrown);
      exchange.fail(error);
      if (error.status === 500) {
        logger.error({
          requestId: exchange.id,
          ...traceFields(exchange),
          reason: error.code,
          err: error.cause ?? error,
        });
      }
    }
  };
}
