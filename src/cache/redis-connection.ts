/**
 * A connection to Redis that is there or not, and never waits to become so: what the tier asks of it. `redis-connect.ts`
 * makes one.
 */

export interface Value {
  readonly key: string;
  readonly bytes: Buffer;
  readonly ttlMs: number;
}

/** What an honest Redis would not have said. */
export class WrongAnswer extends Error {}

/** Every promise of `get` and `set` may be late or never come: who waits has a limit of their own. */
export interface RedisConnection {
  /** The values of `keys`, in their order. */
  get(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;
  set(values: readonly Value[]): Promise<void>;
  /**
   * Resolves once the server has answered, or any node of a cluster: with what is wrong with each of the others, by name.
   *
   * @throws {Error} telling why there is no answer; {@link NoAnswer} where that is all there is to tell.
   */
  ping(withinMs: number): Promise<readonly string[]>;
  /**
   * Removes the keys that begin so; resolves with how many there were.
   *
   * @throws {Error} telling what went wrong, with which node of a cluster, and how many were removed nevertheless.
   */
  removeAll(beginning: string): Promise<number>;
  /** What has gone wrong since the last answer; empty where nothing has. */
  readonly lastError: string;
  /** Why `error` came of asking, as far as that is known. */
  why(error: unknown): string;
  close(): void;
}
