/**
 * The one table of what can go wrong with a request.
 *
 * Every error answer carries one of these codes as `reason`, and the code is the label of the error
 * metrics. README's table is written from here by `npm run docs`. A code, once published, keeps its
 * meaning. `service-error.ts` is how code raises one, `problem.ts` how a client sees it.
 */

export interface ErrorKind {
  readonly status: number;
  readonly title: string;
  /** Whether the error's own detail may be told to the client; otherwise the title is all it gets. */
  readonly expose: boolean;
}

export type ErrorCode =
  | 'body_too_large'
  | 'cancelled'
  | 'deadline_exceeded'
  | 'draining'
  | 'expectation_failed'
  | 'headers_too_large'
  | 'inference_failed'
  | 'internal'
  | 'invalid_input'
  | 'invalid_json'
  | 'invalid_utf8'
  | 'malformed_request'
  | 'method_not_allowed'
  | 'missing_body'
  | 'not_found'
  | 'not_ready'
  | 'queue_full'
  | 'request_timeout'
  | 'stalled'
  | 'unsupported_content_encoding'
  | 'unsupported_media_type';

export const errorKinds: Readonly<Record<ErrorCode, ErrorKind>> = {
  invalid_json: { status: 400, title: 'The body is not JSON', expose: true },
  invalid_utf8: { status: 400, title: 'The body is not UTF-8', expose: true },
  malformed_request: { status: 400, title: 'The HTTP request is malformed', expose: true },
  missing_body: { status: 400, title: 'The request has no body', expose: true },
  not_found: { status: 404, title: 'Nothing is served here', expose: true },
  method_not_allowed: { status: 405, title: 'The path does not take this method', expose: true },
  request_timeout: { status: 408, title: 'The request took too long to arrive', expose: true },
  body_too_large: { status: 413, title: 'The body is too large', expose: true },
  unsupported_content_encoding: {
    status: 415,
    title: 'The body is compressed',
    expose: true,
  },
  unsupported_media_type: { status: 415, title: 'The body has the wrong type', expose: true },
  expectation_failed: { status: 417, title: 'The Expect header is not supported', expose: true },
  invalid_input: { status: 422, title: 'The input is not what the route takes', expose: true },
  headers_too_large: { status: 431, title: 'The request header is too large', expose: true },
  /** Never sent, since nobody is left to read it; 499 is what metrics and logs show. */
  cancelled: { status: 499, title: 'The client went away', expose: true },
  inference_failed: { status: 500, title: 'A model failed', expose: true },
  internal: { status: 500, title: 'The service failed', expose: false },
  deadline_exceeded: { status: 503, title: 'The answer took too long', expose: true },
  draining: { status: 503, title: 'The service is shutting down', expose: true },
  not_ready: { status: 503, title: 'The service is not ready', expose: true },
  queue_full: { status: 503, title: 'The queue is full', expose: true },
  stalled: { status: 503, title: 'Inference makes no progress', expose: true },
};

/** The codes that mean "the service chose not to do the work", counted as shed. */
export const shedCodes: ReadonlySet<ErrorCode> = new Set([
  'deadline_exceeded',
  'draining',
  'queue_full',
]);

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorKinds, code);
}
