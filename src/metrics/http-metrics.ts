/**
 * Counts requests: how many, how long, how they ended.
 *
 * Fed by the exchanges of the public listener only; probes and scrapes are not counted.
 */

import { Counter, Gauge, type Registry } from 'prom-client';

import { Histogram } from '../engine/histogram.js';
import { errorCodes, shedCodes, type ErrorCode } from '../errors/codes.js';
import {
  closeReasons,
  handshakeFailures,
  type CloseReason,
  type HandshakeFailure,
} from '../http/connection.js';
import type { Exchange } from '../http/exchange.js';
import type { ExchangeObserver } from '../http/exchanges.js';
import { histogramSamples, SnapshotMetric } from './snapshot-metric.js';

/**
 * OpenTelemetry's advice for `http.server.request.duration`, with steps added around 100 ms, and beyond its 10 s up to
 * what `--answer-timeout` allows by default and twice that. The chart takes no other latency objective than these.
 */
export const DURATION_BUCKETS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[15, 20, 30, 60],
];

const SIZE_BUCKETS = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];

const DURATION_LABELS = [
  'http_request_method',
  'http_route',
  'http_response_status_code',
  'error_type',
];

/** Those that routes take; of the others, which anybody can try, OpenTelemetry makes one. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST']);
const OTHER_METHOD = '_OTHER';

interface Labelled {
  readonly labels: Readonly<Record<string, string>>;
  readonly histogram: Histogram;
}

/** What a response that nobody received is filed under. */
const STATUS_CANCELLED = '499';

export class HttpMetrics implements ExchangeObserver {
  readonly #durations = new Map<string, Labelled>();
  readonly #bodySize = new Histogram(SIZE_BUCKETS);
  readonly #active;
  readonly #received;
  readonly #shed;
  readonly #cancelled;
  readonly #errors;
  readonly #parseErrors;
  readonly #dropped;
  readonly #closed;
  readonly #byKey;
  readonly #handshakes;
  #keyNames: readonly string[] = [];

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <T extends string>(name: string, help: string, labelNames: T[] = []) =>
      new Counter({ name, help, labelNames, registers });
    this.#active = new Gauge({
      name: 'http_server_active_requests',
      help: 'Requests that are not answered yet',
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
      'Connections refused because as many as allowed were open and busy',
    );
    this.#closed = counter(
      'chorus_connections_closed_total',
      'Connections closed to make room for others, or because answers were not read',
      ['reason'],
    );
    this.#handshakes = counter(
      'chorus_tls_handshake_errors_total',
      'Connections closed before a request because no encryption came about, by reason: other, plain_http, timeout',
      ['reason'],
    );
    this.#byKey = counter(
      'chorus_key_requests_total',
      'Requests by the name of the key that was shown, where keys are asked for',
      ['key'],
    );
    this.#startAtZero();
    this.#registerHistograms(registry);
  }

  /** Two are counted in at every request, where prom-client's own took a thirtieth of the JS thread. */
  #registerHistograms(registry: Registry): void {
    const duration = 'http_server_request_duration_seconds';
    new SnapshotMetric(
      duration,
      'Time from the header of a request to the last byte of its answer',
      'histogram',
      DURATION_LABELS,
      () =>
        [...this.#durations.values()].flatMap(({ labels, histogram }) =>
          histogramSamples(duration, histogram.snapshot(), labels),
        ),
    ).register(registry);
    const size = 'http_server_request_body_size_bytes';
    new SnapshotMetric(size, 'Size of request bodies that were read', 'histogram', [], () =>
      histogramSamples(size, this.#bodySize.snapshot(), {}),
    ).register(registry);
  }

  /** A counter that is absent until its first event hides that event from `rate` and `increase`. */
  #startAtZero(): void {
    for (const reason of errorCodes) {
      if (reason !== 'cancelled') this.#errors.inc({ reason }, 0);
    }
    for (const reason of shedCodes) this.#shed.inc({ reason }, 0);
    for (const reason of closeReasons) this.#closed.inc({ reason }, 0);
    for (const reason of handshakeFailures) this.#handshakes.inc({ reason }, 0);
    for (const stage of ['body', 'inference']) this.#cancelled.inc({ stage }, 0);
  }

  /** All keys that there are from now on. */
  keysNamed(names: readonly string[]): void {
    for (const key of this.#keyNames) if (!names.includes(key)) this.#byKey.remove({ key });
    for (const key of names) this.#byKey.inc({ key }, 0);
    this.#keyNames = names;
  }

  exchangeOpened(): void {
    this.#received.inc();
    this.#active.inc();
  }

  exchangeClosed(exchange: Exchange): void {
    const { request, response, route, errorCode, startedAt, bodyBytes, keyName, trace } = exchange;
    this.#active.dec();
    if (keyName !== undefined && this.#keyNames.includes(keyName))
      this.#byKey.inc({ key: keyName });
    if (bodyBytes !== undefined) this.#bodySize.observe(bodyBytes);
    const cancelled = errorCode === 'cancelled';
    if (cancelled) {
      this.#cancelled.inc({ stage: request.complete ? 'inference' : 'body' });
    } else if (errorCode !== undefined) {
      this.#failed(errorCode);
    }
    const status = cancelled ? STATUS_CANCELLED : String(response.statusCode);
    const method = request.method ?? '';
    const values = [METHODS.has(method) ? method : OTHER_METHOD, route, status, errorCode ?? ''];
    const traceId = trace?.isSampled ? trace.traceId : undefined;
    this.#durationOf(values).observe((performance.now() - startedAt) / 1000, traceId);
  }

  /** There was no exchange: nothing was active, and no time was taken. */
  refused(code: ErrorCode): void {
    this.#received.inc();
    this.#failed(code);
  }

  #failed(code: ErrorCode): void {
    this.#errors.inc({ reason: code });
    if (shedCodes.has(code)) this.#shed.inc({ reason: code });
  }

  /** The histogram of requests with these values of `DURATION_LABELS`. */
  #durationOf(values: readonly string[]): Histogram {
    const key = values.join(' ');
    const known = this.#durations.get(key);
    if (known !== undefined) return known.histogram;
    const labels = Object.fromEntries(
      DURATION_LABELS.map((label, at) => [label, values[at] ?? '']),
    );
    const histogram = new Histogram(DURATION_BUCKETS);
    this.#durations.set(key, { labels, histogram });
    return histogram;
  }

  parseError(code: string): void {
    this.#parseErrors.inc({ code });
  }

  handshakeFailed(reason: HandshakeFailure): void {
    this.#handshakes.inc({ reason });
  }

  connectionClosed(reason: CloseReason): void {
    this.#closed.inc({ reason });
  }

  connectionDropped(): void {
    this.#dropped.inc();
  }
}
