/**
 * How an error reads to a client: the formats that contracts can answer errors in.
 *
 * A protocol prescribes its errors as it does its answers. A contract names its format, the exchange
 * remembers it with the route, and `error-answer.ts` writes by it whatever goes wrong from there on.
 */

import type { z } from 'zod';

import type { ServiceError } from './service-error.js';

/** What an error's body may tell besides the error. */
export interface ErrorContext {
  readonly requestId: string;
  /** Milliseconds after which another try is worth it; `undefined` where it is not. */
  readonly retryAfterMs: number | undefined;
}

export interface ErrorFormat {
  /** Names the format in `openapi.json`, such as `Problem`. */
  readonly name: string;
  readonly contentType: string;
  /** What `body` gives, for `openapi.json`. */
  readonly schema: z.ZodType<object>;
  /** The JSON for `error`, of whose message only `publicDetail` may be told. */
  body(error: ServiceError, context: ErrorContext): object;
}
