/**
 * The one table of what can go wrong with a request.
 *
 * Every error answer carries one of these codes as `reason`, and the code is the label of the error
 * metrics. README's table and `openapi.json` are written from here by `npm run docs`. A code, once
 * published, keeps its meaning. `service-error.ts` is how code raises one, `formats.ts` how a client
 * sees it.
 */

export interface ErrorKind {
  readonly status: number;
  readonly title: string;
  /** Whether the error's own detail may be told to the client; otherwise the title is all it gets. */
  readonly expose: boolean;
  /**
   * Which requests can end so: `any`; those of operations that take a `body`, or that ask `models`; `keys`, where a
   * key must be shown; or `own`, those of operations that say so themselves, and what reaches no operation.
   */
  readonly scope: 'any' | 'body' | 'keys' | 'models' | 'own';
}

const kinds = {
  invalid_json: kind(400, 'The body is not JSON', 'body'),
  invalid_utf8: kind(400, 'The body is not UTF-8', 'body'),
  malformed_request: kind(400, 'The HTTP request is malformed', 'any'),
  missing_body: kind(400, 'The request has no body', 'body'),
  key_missing: kind(401, 'The request has no key', 'keys'),
  key_unknown: kind(401, 'Nobody has this key', 'keys'),
  key_not_allowed: kind(403, 'The key is not for this route', 'keys'),
  not_found: kind(404, 'Nothing is served here', 'own'),
  method_not_allowed: kind(405, 'The path does not take this method', 'own'),
  request_timeout: kind(408, 'The request took too long to arrive', 'any'),
  /** Whatever takes no body can be sent one. */
  body_too_large: kind(413, 'The body is too large', 'any'),
  unsupported_content_encoding: kind(415, 'The body is compressed', 'body'),
  unsupported_media_type: kind(415, 'The body has the wrong type', 'body'),
  expectation_failed: kind(417, 'The Expect header is not supported', 'any'),
  invalid_input: kind(422, 'The input is not what the route takes', 'body'),
  /** By `--queue-capacity`; more than its route takes is `invalid_input`. */
  too_many_texts: kind(422, 'More texts than the queue could ever hold', 'models'),
  unreadable_text: kind(422, 'A model cannot read the text', 'models'),
  headers_too_large: kind(431, 'The request header is too large', 'any'),
  /** Never sent, since nobody is left to read it; 499 is what metrics and logs show. */
  cancelled: kind(499, 'The client went away', 'own'),
  inference_failed: kind(500, 'A model failed', 'models'),
  internal: { ...kind(500, 'The service failed', 'any'), expose: false },
  body_memory_full: kind(503, 'Too many bodies are being read', 'body'),
  deadline_exceeded: kind(503, 'The answer took too long', 'models'),
  /** What asks no models, too: a stop does not wait for ever for a body, nor for an answer. */
  draining: kind(503, 'The service is shutting down', 'any'),
  /** Where the index is in a store. */
  index_unavailable: kind(503, 'The index cannot be searched now', 'own'),
  /** It is loaded when it is asked for, and that has failed; others are served. */
  model_unavailable: kind(503, 'A model cannot be loaded now', 'models'),
  not_ready: kind(503, 'The service is not ready', 'own'),
  queue_full: kind(503, 'The queue is full', 'models'),
  /** The engine would not get to it in time. */
  queue_wait: kind(503, 'The wait would be too long', 'models'),
  /** Told to operators, on the admin port. */
  reload_failed: kind(422, 'What should be served instead cannot be', 'own'),
  reload_running: kind(409, 'A reload is under way', 'own'),
  stalled: kind(503, 'Inference makes no progress', 'own'),
  too_many_open_requests: kind(503, 'Too many requests are open', 'any'),
  too_many_pipelined_requests: kind(503, 'Too many requests are open on the connection', 'any'),
};

export type ErrorCode = keyof typeof kinds;

export const errorKinds: Readonly<Record<ErrorCode, ErrorKind>> = kinds;

export const errorCodes = Object.keys(kinds) as readonly ErrorCode[];

/** Those that refuse a request because there is too much to do. */
export const overloadCodes: ReadonlySet<ErrorCode> = new Set([
  'body_memory_full',
  'queue_full',
  'queue_wait',
  'too_many_open_requests',
  'too_many_pipelined_requests',
]);

/** The codes that mean "the service chose not to do the work", counted as shed. */
export const shedCodes: ReadonlySet<ErrorCode> = new Set([
  'deadline_exceeded',
  'draining',
  ...overloadCodes,
]);

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(kinds, code);
}

function kind(status: number, title: string, scope: ErrorKind['scope']): ErrorKind {
  return { status, title, expose: true, scope };
}
