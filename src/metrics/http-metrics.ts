/**
 * Counts requests: how many, how long, how they ended.
 *
 * Fed by the exchanges of the public listener only; probes and scrapes are not counted.
 */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

import { errorCodes, shedCodes } from '../errors/codes.js';
import type { Exchange } from '../http/exchange.js';
import type { ExchangeObserver } from '../http/exchanges.js';

/** OpenTelemetry's advice for `http.server.request.duration`, with steps added around 100 ms. */
const DURATION_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

const SIZE_BUCKETS = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];

/** What a response that nobody received is filed under. */
const STATUS_CANCELLED = '499';

export class HttpMetrics implements ExchangeObserver {
  readonly #duration;
  readonly #active;
  readonly #bodySize;
  readonly #received;
  readonly #shed;
  readonly #cancelled;
  readonly #errors;
  readonly #parseErrors;
  readonly #dropped;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <T extends string>(name: string, help: string, labelNames: T[] = []) =>
      new Counter({ name, help, labelNames, registers });
    this.#duration = new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Time from the header of a request to the last byte of its answer',
      labelNames: [
        'http_request_method',
        'http_route',
        'http_response_status_code',
        'error_type',
      ] as const,
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#active = new Gauge({
      name: 'http_server_active_requests',
      help: 'Requests that are not answered yet',
      registers,
    });
    this.#bodySize = new Histogram({
      name: 'http_server_request_body_size_bytes',
      help: 'Size of request bodies that were read',
      buckets: SIZE_BUCKETS,
      registers,
    });
    this.#received = counter(
      'chorus_requests_received_total',
      'Requests whose header arrived, whatever became of them',
    );
    this.#shed = counter('chorus_requests_shed_total', 'Requests refused with 503', ['reason']);
    this.#cancelled = counter(
      'chorus_requests_cancelled_total',
      'Requests whose client went away while sending the body, or while waiting for the answer',
      ['stage'],
    );
    this.#errors = counter('chorus_request_errors_total', 'Requests answered with an error', [
      'reason',
    ]);
    this.#parseErrors = counter(
      'chorus_http_parse_errors_total',
      'Connections closed because what arrived was not an HTTP request, or too slow',
      ['code'],
    );
    this.#dropped = counter(
      'chorus_connections_dropped_total',
      'Connections refused because as many as allowed were open',
    );
    this.#startAtZero();
  }

  /** A counter that is absent until its first event hides that event from `rate` and `increase`. */
  #startAtZero(): void {
    for (const reason of errorCodes) {
      if (reason !== 'cancelled') this.#errors.inc({ reason }, 0);
    }
    for (const reason of shedCodes) this.#shed.inc({ reason }, 0);
    for (const stage of ['body', 'inference']) this.#cancelled.inc({ stage }, 0);
  }

  exchangeOpened(): void {
    this.#received.inc();
    this.#active.inc();
  }

  exchangeClosed({ request, response, route, errorCode, startedAt, bodyBytes }: Exchange): void {
    this.#active.dec();
    if (bodyBytes !== undefined) this.#bodySize.observe(bodyBytes);
    const cancelled = errorCode === 'cancelled';
    if (cancelled) {
      this.#cancelled.inc({ stage: request.complete ? 'inference' : 'body' });
    } else if (errorCode !== undefined) {
      this.#errors.inc({ reason: errorCode });
      if (shedCodes.has(errorCode)) this.#shed.inc({ reason: errorCode });
    }
    this.#duration.observe(
      {
        http_request_method: request.method ?? '',
        http_route: route,
        http_response_status_code: cancelled ? STATUS_CANCELLED : response.statusCode,
        error_type: errorCode ?? '',
      },
      (performance.now() - startedAt) / 1000,
    );
  }

  parseError(code: string): void {
    this.#parseErrors.inc({ code });
  }

  connectionDropped(): void {
    this.#dropped.inc();
  }
}
