/**
 * One line per answered request, without anything the client sent but its method and, where that is believed, ids.
 *
 * At debug: at info the rate of lines would be the rate of requests. Faults of ours are logged with
 * their cause by `handle-errors.ts`.
 */

import type { LogFields, Logger } from '../log/logger.js';
import type { Exchange } from './exchange.js';
import type { ExchangeObserver } from './exchanges.js';

export function requestLog(logger: Logger): ExchangeObserver {
  return {
    exchangeOpened() {
      // Logged when it ends.
    },
    refused() {
      // Counted: a line for each would be what the refusal saves.
    },
    exchangeClosed(exchange) {
      const { id, route, request, response, errorCode, keyName, bodyBytes, startedAt } = exchange;
      logger.debug({
        requestId: id,
        ...traceFields(exchange),
        route,
        client: exchange.client,
        ...(request.method !== undefined && { method: request.method }),
        status: response.statusCode,
        ...(errorCode !== undefined && { reason: errorCode }),
        ...(keyName !== undefined && { key: keyName }),
        ...(bodyBytes !== undefined && { bodyBytes }),
        durationMs: performance.now() - startedAt,
      });
    },
  };
}

/** The name is OpenTelemetry's for logs that are no OTLP: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/. */
export function traceFields({ trace }: Exchange): Pick<LogFields, 'trace_id'> {
  return trace === undefined ? {} : { trace_id: trace.traceId };
}
