/**
 * An inference that begins once something else has ended, and can be given up at any time.
 */

import type { Answer, Inference } from '../engine/engine.js';
import type { ServiceError } from '../errors/service-error.js';

export class LaterInference implements Inference {
  readonly answer: Promise<Answer>;
  #begun: Inference | undefined;
  #reason: ServiceError | undefined;
  #reject: (reason: ServiceError) => void = () => undefined;

  /** `before` never rejects; then `begin` is called, unless nobody waits any more. */
  constructor(before: Promise<void>, begin: () => Inference) {
    this.answer = new Promise((resolve, reject) => {
      this.#reject = reject;
      before
        .then(() => {
          if (this.#reason !== undefined) return;
          this.#begun = begin();
          resolve(this.#begun.answer);
        })
        .catch(reject);
    });
  }

  readonly cancel = (reason: ServiceError): void => {
    this.#reason ??= reason;
    if (this.#begun === undefined) this.#reject(reason);
    else this.#begun.cancel(reason);
  };
}
