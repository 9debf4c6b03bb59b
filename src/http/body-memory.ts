/**
 * How much memory the bodies of open requests may take, over all connections.
 *
 * A body is bounded and so are connections, but their product is as much as a container has.
 */

import { ServiceError } from '../errors/service-error.js';

export class BodyMemory {
  #taken = 0;

  constructor(private readonly limit: number) {}

  /** @throws {ServiceError} `body_memory_full` when `bytes` more are too many; then none are taken. */
  take(bytes: number): void {
    if (this.#taken + bytes > this.limit) {
      const detail = `The bodies of open requests may take ${this.limit} bytes in all, and do.`;
      throw new ServiceError('body_memory_full', detail);
    }
    this.#taken += bytes;
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
  }
}
