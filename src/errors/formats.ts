/**
 * How an error reads to a client: the formats that contracts can answer errors in.
 *
 * A protocol prescribes its errors as it does its answers. A contract names its format, and whatever goes
 * wrong with a request below its route, be it that the route has no such path, is told in it.
 */

import type { z } from 'zod';

import { errorKinds, overloadCodes, type ErrorCode } from './codes.js';
import type { ServiceError } from './service-error.js';

/** What an error's body may tell besides the error. */
export interface ErrorContext {
  readonly requestId: string;
  readonly status: number;
  /** Milliseconds after which another try is worth it; `undefined` where it is not. */
  readonly retryAfterMs: number | undefined;
}

/** The format for a request, by its path: a request may be refused before anybody has looked for its route. */
export type FormatOf = (path: string) => ErrorFormat;

export interface ErrorFormat {
  /** Names the format in `openapi.json`, such as `Problem`. */
  readonly name: string;
  readonly contentType: string;
  /** The status of what is refused because there is too much to do, where it is not 503. */
  readonly overloadStatus?: number;
  /** What `body` gives, for `openapi.json`. */
  readonly schema: z.ZodType<object>;
  /** The JSON for `error`, of whose message only `publicDetail` may be told. */
  body(error: ServiceError, context: ErrorContext): object;
}

/** `format` with another status for what is refused because there is too much to do. */
export function refusingWith(status: 503 | 429, format: ErrorFormat): ErrorFormat {
  return status === 503
    ? format
    : { ...format, name: `${format.name}${status}`, overloadStatus: status };
}

/** The status of an error in `format`. */
export function statusOf(code: ErrorCode, { overloadStatus }: ErrorFormat): number {
  const { status } = errorKinds[code];
  return overloadCodes.has(code) ? (overloadStatus ?? status) : status;
}
