/**
 * Runs what a row is proven by.
 */

import type { TestContext } from 'node:test';

import { runTests } from './existing-tests.js';
import { withInvariants } from './invariants.js';
import type { ProbeTimes } from './probes.js';
import { isExisting, type Act, type Row } from './row.js';
import { Scene } from './scene.js';

/** The service that acts without wishes of their own share, so that it must survive one after the other. */
let shared: Scene | undefined;

/** Fails where one of the row's proofs does; gives the probes' times of the act that lasted longest. */
export async function prove(row: Row, context: TestContext): Promise<ProbeTimes | undefined> {
  await runTests(row.proofs.filter(isExisting));
  let times: ProbeTimes | undefined;
  for (const proof of row.proofs) {
    if (isExisting(proof)) continue;
    const measured = await (proof.kind === 'trial' ? proof.run(context) : perform(proof, context));
    if ((measured?.asked ?? 0) > (times?.asked ?? 0)) times = measured;
  }
  return times;
}

export async function endSharedScene(): Promise<void> {
  await shared?.stop();
  shared = undefined;
}

async function perform(act: Act, context: TestContext): Promise<ProbeTimes> {
  const { counts = {}, run, profile, flags, environment, surroundings } = act;
  const isPlain = [profile, flags, environment, surroundings].every((wish) => wish === undefined);
  const scene = isPlain ? (shared ??= await Scene.start({})) : await Scene.start(act);
  let isUnhurt = false;
  try {
    const times = await withInvariants(scene, { counts, run: () => run(scene, context) });
    isUnhurt = isPlain;
    return times;
  } finally {
    if (!isUnhurt) {
      if (scene === shared) shared = undefined;
      await scene.stop();
    }
  }
}
