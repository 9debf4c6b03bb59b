/**
 * The one class of error that a request can end with.
 *
 * Whoever raises it picks a code from `codes.ts` and says in `detail` what was wrong and what would
 * be right. A detail never holds text that a client sent.
 */

import { errorKinds, type ErrorCode } from './codes.js';

/** One fault in a body: where (JSON pointer, empty for the whole body) and what. */
export interface InputFault {
  readonly pointer: string;
  readonly detail: string;
}

export interface ServiceErrorOptions {
  readonly faults?: readonly InputFault[];
  /** Response headers that belong to the error, such as `allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds until another try may be worth it, where that is known. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly faults: readonly InputFault[] | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly code: ErrorCode,
    detail: string,
    options: ServiceErrorOptions = {},
  ) {
    const { stackTraceLimit } = Error;
    // Logs show the stack of a fault of ours alone. To walk it takes as long as a tenth of a refusal, of which an
    // overload brings thousands a second.
    if (errorKinds[code].status !== 500) Error.stackTraceLimit = 0;
    super(detail, { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.faults = options.faults;
    this.headers = options.headers;
    this.retryAfterMs = options.retryAfterMs;
  }

  get status(): number {
    return errorKinds[this.code].status;
  }

  /** What a client may be told: the message, unless it could hold what is none of its business. */
  get publicDetail(): string {
    const { expose, title } = errorKinds[this.code];
    return expose ? this.message : `${title}.`;
  }

  /** Anything that was thrown, as a `ServiceError`; what is not one becomes `internal`. */
  static from(thrown: unknown): ServiceError {
    if (thrown instanceof ServiceError) return thrown;
    return new ServiceError('internal', 'An unexpected error occurred.', { cause: thrown });
  }
}
