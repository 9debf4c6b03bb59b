/**
 * Spans of requests for an OpenTelemetry collector, and W3C trace context in and out.
 *
 * Loaded only where spans are wanted (`destination`), since the packages take memory and time; nothing else in the service
 * imports them. There is no instrumentation and nothing global: requests are told of by their exchanges, and
 * contexts are handed on, so no other call is ever touched. Which requests are sampled, the name of the service and how
 * it is sent say OpenTelemetry's own variables, which its packages read.
 */

import { randomUUID } from 'node:crypto';

import { diag, DiagLogLevel, ROOT_CONTEXT, type TextMapGetter } from '@opentelemetry/api';
import {
  getNumberFromEnv,
  setGlobalErrorHandler,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';

import type { Exchange } from '../http/exchange.js';
import type { Tracing } from '../http/tracing.js';
import type { Logger } from '../log/logger.js';
import { RequestTrace } from './request-trace.js';
import { SpanQueue } from './span-queue.js';

/**
 * The name of the response's header. `traceparent` is a request's alone; what a response says has this name in the draft
 * that follows the Recommendation (https://w3c.github.io/trace-context/#traceresponse-header), and in no published one.
 */
export const TRACE_RESPONSE_HEADER = 'traceresponse';

/** Spans that wait or are being sent, where OTEL_BSP_MAX_QUEUE_SIZE says nothing: that variable's own default. */
const QUEUE_SIZE = 2048;

export interface TracingParts {
  /** Where spans are posted to. */
  readonly url: string;
  readonly version: string;
  readonly logger: Logger;
}

export function startTracing({ url, version, logger }: TracingParts): Tracing {
  // What the packages complain of, such as a sampler that there is none of; their arguments are not ours to log.
  const warn = (message: string) => {
    logger.warn({}, message);
  };
  const silent = () => undefined;
  const diagnostics = { error: warn, warn, info: silent, debug: silent, verbose: silent };
  diag.setLogger(diagnostics, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  // Each batch that is not taken; the queue tells of it once.
  setGlobalErrorHandler(silent);

  const capacity = getNumberFromEnv('OTEL_BSP_MAX_QUEUE_SIZE') ?? QUEUE_SIZE;
  const queue = new SpanQueue(new OTLPTraceExporter({ url }), capacity, logger);
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(
        resourceFromAttributes({
          [ATTR_SERVICE_NAME]: 'chorus',
          [ATTR_SERVICE_VERSION]: version,
          'service.instance.id': randomUUID(),
        }),
      )
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(queue)],
  });
  return new RequestTracing(provider, queue, logger);
}

const headers: TextMapGetter<Exchange['request']['headers']> = {
  keys: (carrier) => Object.keys(carrier),
  get: (carrier, name) => carrier[name],
};

class RequestTracing implements Tracing {
  readonly #propagator = new W3CTraceContextPropagator();
  readonly #tracer;

  constructor(
    private readonly provider: BasicTracerProvider,
    private readonly queue: SpanQueue,
    private readonly logger: Logger,
  ) {
    this.#tracer = provider.getTracer('chorus');
  }

  get counts() {
    return this.queue.counts;
  }

  exchangeOpened(exchange: Exchange): void {
    const { isBelieved, request, response } = exchange;
    const parent = isBelieved
      ? this.#propagator.extract(ROOT_CONTEXT, request.headers, headers)
      : ROOT_CONTEXT;
    const trace = new RequestTrace(this.#tracer, parent, exchange);
    exchange.trace = trace;
    response.setHeader(TRACE_RESPONSE_HEADER, trace.header);
  }

  exchangeClosed(exchange: Exchange): void {
    const { trace } = exchange;
    if (!(trace instanceof RequestTrace) || !trace.isSampled) return;
    if (this.queue.letIn(trace.spans)) trace.end(exchange);
  }

  refused(): void {
    // No trace was begun: to begin one is what the refusal saves.
  }

  async stop(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    // What it could not send is counted.
    const sent = this.provider.shutdown().catch(() => undefined);
    await Promise.race([sent, late]);
    clearTimeout(timer);
    const { pending } = this.queue;
    if (pending > 0) this.logger.warn({ spans: pending }, 'stopped before all spans were sent');
  }
}
