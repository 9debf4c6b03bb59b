/**
 * The requests that wait for a reply from the other side of the bridge, by ticket.
 *
 * Each ends once: by its reply, or because whoever asked has given it up. Giving up needs no reply, so that no
 * promise stays open for ever should one be lost; a reply that comes later is nobody's.
 */

interface Waiting<R> {
  readonly resolve: (reply: R) => void;
  readonly reject: (reason: Error) => void;
}

export class OpenRequests<R extends { readonly ticket: number }> {
  readonly #waiting = new Map<number, Waiting<R>>();
  #lastTicket = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Submits a request under a ticket of its own; the reply may come during `submit`.
   *
   * @throws what `submit` throws: then no reply is waited for.
   */
  open(submit: (ticket: number) => void): { ticket: number; reply: Promise<R> } {
    // 32 bits on the other side; no request stays open for four thousand million others.
    const ticket = (this.#lastTicket = (this.#lastTicket + 1) >>> 0);
    const reply = new Promise<R>((resolve, reject) =>
      this.#waiting.set(ticket, { resolve, reject }),
    );
    try {
      submit(ticket);
    } catch (thrown) {
      this.#waiting.delete(ticket);
      throw thrown;
    }
    return { ticket, reply };
  }

  /** Ends the request that `reply` is to, if it is still open. */
  settle(reply: R): void {
    this.take(reply.ticket)?.resolve(reply);
  }

  /** Ends the request with `reason`; false if it has ended already. */
  giveUp(ticket: number, reason: Error): boolean {
    const waiting = this.take(ticket);
    waiting?.reject(reason);
    return waiting !== undefined;
  }

  private take(ticket: number): Waiting<R> | undefined {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    return waiting;
  }
}
