/**
 * Answers in Redis, which several processes share: what is there in time is a hit, and everything else a miss.
 *
 * Nothing that Redis does makes a request fail or wait longer than the limit. Where it mostly fails it is not asked at
 * all for a while, then tried again, whether requests come or not.
 */

import { ErrorReply } from '@redis/client';

import type { ModelInfo, RedisFault, RedisStats } from '../engine/engine.js';
import { Histogram } from '../engine/histogram.js';
import { Circuit } from './circuit.js';
import type { Kept } from './kept.js';
import type { Packing } from './packed.js';
import { WrongAnswer, type RedisConnection } from './redis-connection.js';

/** What is looked for or kept. */
export interface Wanted {
  readonly text: string;
  readonly model: ModelInfo;
}

export interface RedisTierOptions {
  /** The longest wait for an answer, in milliseconds. */
  readonly timeoutMs: number;
  /** How long a value is kept, give or take a tenth, so that what came together does not go together. */
  readonly ttlMs: number;
  /** Redis is left alone from now on, because of `reason`, or is asked again. */
  readonly onCircuit?: (state: 'open' | 'closed', reason: string) => void;
}

/** Redis on the same network answers within the first few, and nobody waits for more than some. */
const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 1];
const JITTER = 0.1;

export class RedisTier {
  readonly #circuit = new Circuit();
  readonly #seconds = { get: new Histogram(SECONDS), set: new Histogram(SECONDS) };
  readonly #errors: Record<RedisFault, number> = { timeout: 0, connection: 0, reply: 0, value: 0 };
  #nextProbe: NodeJS.Timeout | undefined;

  constructor(
    private readonly connection: RedisConnection,
    private readonly packing: Packing,
    private readonly options: RedisTierOptions,
  ) {}

  /**
   * What is kept for each of `wanted`, as far as it comes in time; nothing at once while Redis is not asked.
   *
   * Who has less time than Redis is given waits for as long as that, and is no judge of it.
   */
  get(
    wanted: readonly Wanted[],
    withinMs = Infinity,
  ): Promise<readonly (Kept | undefined)[]> | undefined {
    if (withinMs >= this.options.timeoutMs) {
      return this.#circuit.allows() ? this.ask(wanted, (keys) => this.read(keys)) : undefined;
    }
    if (this.#circuit.state !== 'closed') return undefined;
    return this.ask(wanted, (keys) => this.readWithin(keys, withinMs));
  }

  private async ask(
    wanted: readonly Wanted[],
    read: (keys: readonly string[]) => Promise<Values | undefined>,
  ): Promise<readonly (Kept | undefined)[]> {
    const keys = wanted.map(({ model, text }) => this.packing.key(model, text));
    const values = await read(keys);
    if (values === undefined) return [];
    return wanted.map(({ model }, at) => {
      const packed = values[at];
      if (packed === undefined || packed === null) return undefined;
      const kept = this.packing.unpack(keys[at] ?? '', model, packed);
      if (kept === undefined) this.#errors.value += 1;
      return kept;
    });
  }

  /** Keeps them, if Redis takes them; nobody waits for it. */
  put(kept: readonly (Wanted & { readonly kept: Kept })[]): void {
    if (kept.length === 0 || this.#circuit.state !== 'closed') return;
    const values = kept.map(({ model, text, kept }) => {
      const key = this.packing.key(model, text);
      const ttlMs = this.options.ttlMs * (1 + JITTER * (2 * Math.random() - 1));
      return { key, bytes: this.packing.pack(key, model, kept), ttlMs: Math.ceil(ttlMs) };
    });
    // A server that is full or read-only takes no values, and still has those that it has.
    void this.attempt('set', () => this.connection.set(values));
  }

  stats(): RedisStats {
    return {
      seconds: { get: this.#seconds.get.snapshot(), set: this.#seconds.set.snapshot() },
      errors: { ...this.#errors },
      circuit: this.#circuit.state,
    };
  }

  /** Reads in time or not, and the circuit knows. */
  private async read(keys: readonly string[]): Promise<Values | undefined> {
    const { onCircuit, timeoutMs } = this.options;
    let reason = '';
    const values = await this.readWithin(keys, timeoutMs, (why) => (reason = why));
    const before = this.#circuit.state;
    if (values === undefined) this.#circuit.failed();
    else this.#circuit.succeeded();
    const { state } = this.#circuit;
    if (state === 'open') this.probeLater();
    if (before === 'closed' && state === 'open') onCircuit?.('open', reason);
    if (before !== 'closed' && state === 'closed') onCircuit?.('closed', '');
    return values;
  }

  private readWithin(
    keys: readonly string[],
    milliseconds: number,
    failed?: (reason: string) => void,
  ): Promise<Values | undefined> {
    const read = async () => {
      const given = await inTime(this.connection.get(keys), milliseconds);
      if (given.length !== keys.length) throw new WrongAnswer('Another count of values.');
      return given;
    };
    return this.attempt('get', read, failed);
  }

  /** Without it, a service that nobody asks for anything new would never know that Redis is back. */
  private probeLater(): void {
    clearTimeout(this.#nextProbe);
    this.#nextProbe = setTimeout(() => {
      if (this.#circuit.state !== 'open') return;
      // A timer may come a little early.
      if (this.#circuit.allows()) void this.read([this.packing.probe]);
      else this.probeLater();
    }, this.#circuit.untilNextTry).unref();
  }

  /** The result of `work`, or nothing where it fails, which is counted. */
  private async attempt<T>(
    operation: 'get' | 'set',
    work: () => Promise<T>,
    failed?: (reason: string) => void,
  ): Promise<T | undefined> {
    const started = performance.now();
    try {
      const result = await work();
      this.#seconds[operation].observe((performance.now() - started) / 1000);
      return result;
    } catch (error) {
      const fault = faultOf(error);
      this.#errors[fault] += 1;
      failed?.(this.connection.why(error));
      return undefined;
    }
  }
}

type Values = Awaited<ReturnType<RedisConnection['get']>>;

class TimeoutError extends Error {
  override readonly message = 'no answer in time';
}

function faultOf(error: unknown): RedisFault {
  if (error instanceof TimeoutError) return 'timeout';
  const isReply = error instanceof ErrorReply || error instanceof WrongAnswer;
  return isReply ? 'reply' : 'connection';
}

/**
 * What `promise` gives within `timeoutMs`.
 *
 * Where this thread itself was busy, an answer may have come and not been read: it is read before the time is up.
 */
function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      setImmediate(() => {
        reject(new TimeoutError());
      });
    }, timeoutMs);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
