/**
 * What probes need to know, in memory that the thread of the service and that of the admin listener share.
 *
 * Written by the one and read by the other without a message, so that a probe waits for nobody.
 */

import { phases, type Phase, type Vitals } from './readiness.js';

/** Places in the memory, 64 bits each. */
const HEARTBEAT_MS = 0;
const PHASE = 1;
const LOADED = 2;
const BROKEN = 3;
const PENDING_TEXTS = 4;
const MS_SINCE_PROGRESS = 5;
const PLACES = 6;

export class SharedState {
  readonly #places: BigInt64Array;

  constructor(readonly memory = new SharedArrayBuffer(PLACES * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.#places = new BigInt64Array(memory);
  }

  /** Says how things are, and that the thread of the service runs. */
  publish(phase: Phase, vitals: Vitals | undefined): void {
    this.#set(PHASE, phases.indexOf(phase));
    this.#set(LOADED, vitals === undefined ? 0 : 1);
    this.#set(BROKEN, vitals?.broken === true ? 1 : 0);
    this.#set(PENDING_TEXTS, vitals?.pendingTexts ?? 0);
    this.#set(MS_SINCE_PROGRESS, (vitals?.secondsSinceProgress ?? 0) * 1000);
    this.#set(HEARTBEAT_MS, now());
  }

  phase(): Phase {
    return phases[this.#get(PHASE)] ?? 'starting';
  }

  vitals(): Vitals | undefined {
    if (this.#get(LOADED) === 0) return undefined;
    return {
      broken: this.#get(BROKEN) === 1,
      pendingTexts: this.#get(PENDING_TEXTS),
      secondsSinceProgress: this.#get(MS_SINCE_PROGRESS) / 1000,
    };
  }

  secondsSinceHeartbeat(): number {
    return (now() - this.#get(HEARTBEAT_MS)) / 1000;
  }

  #set(place: number, value: number): void {
    Atomics.store(this.#places, place, BigInt(Math.round(value)));
  }

  #get(place: number): number {
    return Number(Atomics.load(this.#places, place));
  }
}

/** Milliseconds of a clock that all threads of the process share. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
