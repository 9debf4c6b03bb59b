/**
 * A lock that is waited for, and that a killed owner on any machine loses: it is renewed while its owner lives.
 *
 * Who waits measures by its own clock for how long the file has not changed, so that clocks of machines need not agree. On
 * NFS a file is opened to look at it, which asks the server. An owner that stood still for longer than a lease lasts finds it
 * lost; until then both believe to have it. So a lease saves work that would be done twice, and what it protects must stay
 * whole without it.
 */

import { closeSync, fstatSync, openSync, utimesSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { Lock, ownerOf, parsed, type Owner } from './lock.js';
import { hasEnded, OWN_ID } from './process-id.js';

export interface LeaseTimes {
  readonly renewMs: number;
  /** Long beside what a server of NFS takes to come back. */
  readonly lastsMs: number;
}

const TIMES: LeaseTimes = { renewMs: 2000, lastsMs: 20_000 };
/** How often who waits looks: soon at first, for most work is short. */
const LOOK_FIRST_MS = 20;
const LOOK_MOST_MS = 500;

export class Lease {
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;

  private constructor(
    private readonly lock: Lock,
    { renewMs }: LeaseTimes,
  ) {
    this.#timer = setInterval(() => {
      this.renew();
    }, renewMs);
    this.#timer.unref();
  }

  /** Waits until nobody has it; `onWait` is told once for whom. Rejects with the reason of `signal`. */
  static async take(
    file: string,
    signal: AbortSignal,
    onWait: (owner: Owner) => void,
    times: LeaseTimes = TIMES,
  ): Promise<Lease> {
    const watch = new Watch(file, times.lastsMs);
    let isTold = false;
    for (let lookMs = LOOK_FIRST_MS; ; lookMs = Math.min(lookMs * 2, LOOK_MOST_MS)) {
      signal.throwIfAborted();
      const lock = Lock.tryTake(file, (owner) => watch.isLeft(owner, lookMs));
      if (lock !== undefined) return new Lease(lock, times);
      const owner = parsed(ownerOf(file) ?? '');
      if (!isTold && owner.id !== '' && owner.id !== OWN_ID) {
        onWait(owner);
        isTold = true;
      }
      await sleep(lookMs, undefined, { signal });
    }
  }

  /** Aborted once the lease is seen to be lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get isOurs(): boolean {
    return this.lock.isOurs;
  }

  release(): void {
    clearInterval(this.#timer);
    this.lock.release();
  }

  private renew(): void {
    if (!this.isOurs) {
      clearInterval(this.#timer);
      this.#lost.abort(new Error(`${this.lock.file} was taken by another process`));
      return;
    }
    try {
      const now = new Date();
      utimesSync(this.lock.file, now, now);
    } catch {
      // Lost between the two, which the next time shows, or a server that does not answer now.
    }
  }
}

/** For how long a lock's file has not changed, as far as this process was awake to see it. */
class Watch {
  #seen = '';
  #unchangedMs = 0;
  #lookedAt = 0;

  constructor(
    private readonly file: string,
    private readonly lastsMs: number,
  ) {}

  isLeft(owner: string, lookMs: number): boolean {
    const { id } = parsed(owner);
    if (id === OWN_ID) return false;
    if (hasEnded(id)) return true;
    const now = performance.now();
    const seen = `${owner} ${renewedAt(this.file)}`;
    // Who stood still itself has seen nothing meanwhile.
    const passedMs = Math.min(now - this.#lookedAt, lookMs * 2);
    this.#unchangedMs = seen === this.#seen ? this.#unchangedMs + passedMs : 0;
    this.#seen = seen;
    this.#lookedAt = now;
    return this.#unchangedMs > this.lastsMs;
  }
}

function renewedAt(file: string): number {
  try {
    const descriptor = openSync(file, 'r');
    try {
      return fstatSync(descriptor).mtimeMs;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return 0;
  }
}
