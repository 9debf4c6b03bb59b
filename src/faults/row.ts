/**
 * What a row of the fault matrix is: a fault, what the service does, and what shows that it does.
 *
 * Rows are data: `prove` runs them, `matrix` lists them, docs/faults.md says how one is added.
 */

import type { TestContext } from 'node:test';

import type { ProbeTimes } from './probes.js';
import type { Scene, Staging } from './scene.js';

/** A test that exists elsewhere: the matrix runs it by name and has no copy of it. */
export interface ExistingTest {
  readonly kind: 'test';
  /** A path of the repository: `.ts`, `.mjs` or, for a test of Rust, `.rs`. */
  readonly file: string;
  /** As it is told when it runs; of Rust the function. */
  readonly name: string;
}

/** Something done to a running service, of which `withInvariants` says what must hold meanwhile and after it. */
export interface Act extends Staging {
  readonly kind: 'act';
  /** How much each counter moves, exactly: a sample with its labels, or a name for the sum of its samples. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Whether it takes more than about a second, so that only `make faults` runs it. */
  readonly isLong?: boolean;
  readonly run: (scene: Scene, context: TestContext) => Promise<unknown>;
}

/**
 * What starts its own processes: since they are meant to end or not to begin, or since others must stand before the
 * service does. Where the service goes on, it is held to `withInvariants` as well, which says how long probes took.
 */
export interface Trial {
  readonly kind: 'trial';
  readonly isLong?: boolean;
  readonly run: (context: TestContext) => Promise<ProbeTimes | undefined>;
}

export type Proof = ExistingTest | Act | Trial;

export const GROUPS = {
  A: 'transport and framing',
  B: 'body, JSON and text',
  C: 'overload and resources',
  D: 'engine and models',
  E: 'Redis and the cache',
  F: 'lifecycle and the rest',
} as const;

export type Group = keyof typeof GROUPS;

export interface Row {
  /** Stays, whatever comes before it: `make faults ARGS="A 14"` names it. */
  readonly number: number;
  readonly fault: string;
  /** What the service does about it. */
  readonly expected: string;
  /** All must hold. Empty only where the fault cannot happen. */
  readonly proofs: readonly Proof[];
  /** Why it cannot happen to this service, or cannot be made to happen here. */
  readonly inapplicable?: string;
}

/** Whether the gate runs it here: it takes about a second, and has no other place. */
export function isQuick(proof: Proof): proof is Act | Trial {
  return proof.kind !== 'test' && proof.isLong !== true;
}

export function isExisting(proof: Proof): proof is ExistingTest {
  return proof.kind === 'test';
}

export function row(
  number: number,
  fault: string,
  expected: string,
  ...proofs: readonly (Proof | readonly Proof[])[]
): Row {
  return { number, fault, expected, proofs: proofs.flat() };
}

export function inapplicable(number: number, fault: string, why: string): Row {
  return { number, fault, expected: '', proofs: [], inapplicable: why };
}

export function tests(file: string, ...names: readonly string[]): readonly ExistingTest[] {
  return names.map((name) => ({ kind: 'test', file, name }));
}

export function act(run: Act['run'], rest: Omit<Act, 'kind' | 'run'> = {}): Act {
  return { kind: 'act', run, ...rest };
}

export function trial(run: Trial['run'], rest: Omit<Trial, 'kind' | 'run'> = {}): Trial {
  return { kind: 'trial', run, ...rest };
}
