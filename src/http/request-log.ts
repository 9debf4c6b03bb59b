/**
 * One line per answered request, without anything the client sent but its method.
 *
 * At debug: at info the rate of lines would be the rate of requests. Faults of ours are logged with
 * their cause by `handle-errors.ts`.
 */

import type { Logger } from '../log/logger.js';
import type { ExchangeObserver } from './exchanges.js';

export function requestLog(logger: Logger): ExchangeObserver {
  return {
    exchangeOpened() {
      // Logged when it ends.
    },
    refused() {
      // Counted: a line for each would be what the refusal saves.
    },
    exchangeClosed({ id, route, request, response, errorCode, bodyBytes, startedAt }) {
      logger.debug({
        requestId: id,
        route,
        ...(request.method !== undefined && { method: request.method }),
        status: response.statusCode,
        ...(errorCode !== undefined && { reason: errorCode }),
        ...(bodyBytes !== undefined && { bodyBytes }),
        durationMs: performance.now() - startedAt,
      });
    },
  };
}
