/**
 * Tries again what may pass: exponential backoff with jitter, and what `Retry-After` asks for.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { HubError, PassingError } from './hub-error.js';

export interface RetryPolicy {
  /** Failures in a row before giving up. */
  readonly attempts: number;
  /** The first wait; each further one doubles, up to `longestMs`. */
  readonly firstMs: number;
  readonly longestMs: number;
}

export const DEFAULT_POLICY: RetryPolicy = { attempts: 6, firstMs: 500, longestMs: 60_000 };

/** Counts failures in a row to get `what`; `failed` waits before the next attempt, or throws the error. */
export class Retries {
  #failures = 0;

  constructor(
    private readonly what: string,
    private readonly policy: RetryPolicy,
    private readonly signal: AbortSignal,
  ) {}

  /** Something arrived: what failed before does not count any more. */
  progressed(): void {
    this.#failures = 0;
  }

  async failed(error: unknown): Promise<void> {
    this.signal.throwIfAborted();
    const cause = meaningOf(error, this.what);
    this.#failures += 1;
    if (!(cause instanceof PassingError) || this.#failures >= this.policy.attempts) throw cause;
    const backoff = this.policy.firstMs * 2 ** (this.#failures - 1) * (0.5 + Math.random());
    const wait = Math.max(backoff, cause.retryAfterMs);
    await sleep(Math.min(wait, this.policy.longestMs), undefined, { signal: this.signal });
  }
}

/** Runs `attempt` until it succeeds, fails for good, or has failed too often. */
export async function retry<T>(
  what: string,
  attempt: () => Promise<T>,
  policy: RetryPolicy,
  signal: AbortSignal,
): Promise<T> {
  const retries = new Retries(what, policy, signal);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await retries.failed(error);
    }
  }
}

/** `fetch` and its streams throw `TypeError` for whatever happens to a connection. */
function meaningOf(error: unknown, what: string): unknown {
  if (!(error instanceof TypeError)) return error;
  const { cause } = error;
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : error.message;
  if (/redirect|scheme/i.test(reason)) {
    return new HubError(`${what}: the hub redirects where nothing can be fetched (${reason}).`);
  }
  return new PassingError(`${what}: the connection to the hub failed (${reason})`);
}
