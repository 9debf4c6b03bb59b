/**
 * What a contract is: the shape of one kind of request and of its answer.
 *
 * A contract knows neither paths nor model names; the profile gives it both. To add one, write a
 * folder beside `process/` and list it in `index.ts`.
 */

import type { Middleware } from 'koa';

import type { Engine } from '../engine/engine.js';
import type { Exchanges } from '../http/exchanges.js';
import type { BodyReader } from '../http/read-body.js';

export interface Contract {
  readonly method: 'GET' | 'POST';
  /** A sample request body, for the hint at start-up. */
  readonly sampleBody: string;
  /**
   * The handler that serves `models` under this contract.
   *
   * @throws {Error} when the contract cannot be kept with these models.
   */
  readonly mount: (models: readonly string[], services: ContractServices) => Middleware;
}

/** What handlers may use. */
export interface ContractServices {
  readonly engine: Engine;
  readonly exchanges: Exchanges;
  readonly readBody: BodyReader;
  /** The longest that an answer may take, in milliseconds; 0 for no limit. */
  readonly answerTimeoutMs: number;
  /** Counts a text that was repaired before the models saw it. */
  readonly textRepaired: () => void;
}
