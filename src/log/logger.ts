/**
 * The service's log: JSON lines. How they are written is `output.ts`'s.
 *
 * An allow-list, not a filter: nothing here takes a request, a body or a header, so no text can get
 * into a line by accident. Fields are those of `LogFields` and pino's own.
 */

import { pino, stdSerializers, type DestinationStream } from 'pino';

import { LineOutput } from './output.js';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What a line about a request or about the service may hold. */
export interface LogFields {
  readonly requestId?: string;
  readonly trace_id?: string;
  readonly route?: string;
  /** An address. */
  readonly client?: string;
  readonly method?: string;
  readonly status?: number;
  readonly reason?: string;
  /** A key's name, never the key. */
  readonly key?: string;
  readonly keys?: readonly string[];
  /** What was read from a file. */
  readonly read?: string;
  readonly bodyBytes?: number;
  readonly durationMs?: number;
  readonly profile?: string;
  readonly precision?: string;
  /** A generation of an index. */
  readonly index?: string | undefined;
  readonly rows?: number;
  readonly seconds?: number;
  readonly generation?: number;
  readonly models?: readonly string[];
  readonly model?: string;
  /** Why a model or an index could not be loaded: which file, what was expected, what was found. */
  readonly detail?: string;
  readonly retryAfterMs?: number;
  readonly host?: string;
  readonly port?: number;
  readonly adminPort?: number;
  readonly signal?: string;
  readonly openRequests?: number;
  readonly maxConnections?: number;
  readonly openFiles?: number | undefined;
  readonly spans?: number;
  readonly provider?: string | undefined;
  readonly ortVersion?: string;
  readonly maxBatchTokens?: number;
  readonly version?: string;
  readonly err?: unknown;
}

type Log = (fields: LogFields, message?: string) => void;

export type Logger = Readonly<Record<'debug' | 'info' | 'warn' | 'error', Log>>;

export function createLogger(
  level: LogLevel,
  destination: DestinationStream = new LineOutput(1),
): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: stdSerializers.err },
  };
  return pino(options, destination);
}
