/**
 * The spans of one request: the request itself, and below it where its time went.
 *
 * All but the first are made when it has ended, of what is known by then. **What is measured and what is derived.** The
 * durations are the engine's and the cache's own. Their beginnings are not: the engine tells how long each part took
 * and that the parts follow each other, so they are laid end to end from the moment that the cache, then the engine, was
 * asked. What is left before them is reading and decoding the body; what is left behind them, the way of the reply
 * back to this thread and the answer's to the client. An answer that was joined to another request's work has the
 * part that it waited for.
 *
 * No text gets into a span, nor anything else that a client can write but the request id, which `request-id.ts` has found
 * sane, and `tracestate`, which is there to be handed on.
 */

import {
  SpanKind,
  SpanStatusCode,
  trace as traces,
  type Attributes,
  type Context,
  type HrTime,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
} from '@opentelemetry/semantic-conventions';

import { UNMATCHED_ROUTE, type Exchange } from '../http/exchange.js';
import type { EngineUse, Trace } from '../http/trace.js';

/** Those that a span may be named by; https://opentelemetry.io/docs/specs/semconv/http/http-spans/. */
const METHODS = new Set('CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE'.split(' '));

/** A span that has yet to be made, its times by `performance.now()`. */
interface Part {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly attributes: Attributes;
}

export class RequestTrace implements Trace {
  readonly traceId: string;
  readonly isSampled: boolean;
  readonly #span: Span;
  /**
   * From `performance.now()` to the time of day. One for all spans of a request: each with its own would move them
   * against each other, by up to the millisecond that `Date.now()` counts in.
   */
  readonly #epoch = Date.now() - performance.now();
  #uses: readonly EngineUse[] = [];

  constructor(
    private readonly tracer: Tracer,
    private readonly parent: Context,
    { request, startedAt }: Exchange,
  ) {
    this.#span = tracer.startSpan(
      nameOf(request.method),
      { kind: SpanKind.SERVER, startTime: this.time(startedAt) },
      parent,
    );
    const { traceId } = this.#span.spanContext();
    this.traceId = traceId;
    this.isSampled = this.#span.isRecording();
  }

  /** As the response header has it: `traceparent`'s form, with the request's span. */
  get header(): string {
    const { spanId, traceFlags } = this.#span.spanContext();
    return `00-${this.traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  /** How many spans `end` makes. */
  get spans(): number {
    return 1 + this.parts().length;
  }

  answered(use: EngineUse): void {
    if (this.isSampled) this.#uses = [...this.#uses, use];
  }

  /** Makes and ends the spans of a request that has ended. */
  end(exchange: Exchange): void {
    const endedAt = performance.now();
    const below = traces.setSpan(this.parent, this.#span);
    for (const { name, from, to, attributes } of this.parts()) {
      const startTime = this.time(from);
      this.tracer.startSpan(name, { startTime, attributes }, below).end(this.time(to));
    }
    this.#span.updateName(nameOf(exchange.request.method, exchange.route));
    this.#span.setAttributes(attributesOf(exchange));
    // A fault of the client's is none of the server's span, which its `error.type` tells.
    const { statusCode } = exchange.response;
    const isOurs = exchange.errorCode !== 'cancelled' && statusCode >= 500;
    if (isOurs) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(this.time(endedAt));
  }

  private parts(): Part[] {
    return this.#uses.flatMap(partsOf);
  }

  private time(at: number): HrTime {
    const micros = Math.round((this.#epoch + at) * 1000);
    const seconds = Math.floor(micros / 1e6);
    return [seconds, (micros - seconds * 1e6) * 1000];
  }
}

function partsOf({ askedAt, texts, models, timing, cache }: EngineUse): Part[] {
  const parts: Part[] = [];
  let at = askedAt;
  const add = (name: string, duration: number, attributes: Attributes = {}) => {
    parts.push({ name, from: at, to: (at += duration), attributes });
  };
  if (cache) add('cache', cache.duration, { 'chorus.cache.outcome': cache.outcome });
  if (cache?.outcome === 'hit') return parts;
  add('tokenize', timing.tokenization, { 'chorus.texts': texts });
  add('queue', timing.queue);
  add('infer', timing.inference, { 'chorus.texts': texts, 'chorus.models': [...models] });
  return parts;
}

/** `url.path` is what a client wrote, so it is there where the route says the same; no more of the URL ever is. */
function attributesOf(exchange: Exchange) {
  const { id, request, response, route, scheme, errorCode, bodyBytes } = exchange;
  const method = request.method ?? '';
  const isKnown = METHODS.has(method);
  const isMatched = route !== UNMATCHED_ROUTE;
  const attributes: Attributes = {
    [ATTR_HTTP_REQUEST_METHOD]: isKnown ? method : '_OTHER',
    ...(!isKnown && { [ATTR_HTTP_REQUEST_METHOD_ORIGINAL]: method }),
    ...(isMatched && { [ATTR_HTTP_ROUTE]: route }),
    ...(isMatched && !route.includes('{') && { [ATTR_URL_PATH]: route }),
    [ATTR_URL_SCHEME]: scheme,
    [ATTR_NETWORK_PROTOCOL_VERSION]: request.httpVersion,
    ...(response.headersSent && { [ATTR_HTTP_RESPONSE_STATUS_CODE]: response.statusCode }),
    ...(errorCode !== undefined && { [ATTR_ERROR_TYPE]: errorCode }),
    ...(bodyBytes !== undefined && { 'http.request.body.size': bodyBytes }),
    'chorus.request_id': id,
  };
  return attributes;
}

/** `route`: none while it is not known. */
function nameOf(method = '', route = UNMATCHED_ROUTE): string {
  const shown = METHODS.has(method) ? method : 'HTTP';
  return route === UNMATCHED_ROUTE ? shown : `${shown} ${route}`;
}
