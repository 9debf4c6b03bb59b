/**
 * What must hold of a running service whatever is done to it: the one place that says so.
 *
 * That each request has exactly one answer, and that an error is a problem without text, is held by `Scene` as
 * answers arrive. Here: the same process still runs, the next good request is answered within a second, each counter
 * moved by exactly as much as it should, descriptors and memory are back, and the log has nothing of any text.
 */

import assert from 'node:assert/strict';

import { until } from '../testing/until.js';
import { CANARY } from './answers.js';
import { watchProbes, type ProbeTimes } from './probes.js';
import { countIn, type Scene } from './scene.js';

const NEXT_REQUEST_MS = 1000;
const BACK_WITHIN_MS = 60_000;
/** What memory may be more than before: 5 %, and what V8 keeps of its heap and glibc of its arenas. */
const MEMORY_FACTOR = 1.05;
const KEPT_BY_ALLOCATORS = 48 << 20;

export interface Fault {
  readonly counts?: Readonly<Record<string, number>>;
  readonly run: () => Promise<unknown>;
}

/** Does `run` to the service of `scene` and fails where an invariant is broken; gives the times of its probes. */
export async function withInvariants(
  scene: Scene,
  { counts = {}, run }: Fault,
): Promise<ProbeTimes> {
  const before = { metrics: await scene.metrics(), memory: scene.memory };
  const descriptors = scene.descriptors;
  const stopped = await watchProbes(scene.adminPort);
  let probes: ProbeTimes;
  try {
    await run();
  } finally {
    probes = await stopped();
  }
  assert.ok(scene.chorus.isRunning, `the process ended: ${scene.chorus.written.slice(-2000)}`);
  const begin = performance.now();
  assert.equal((await scene.post()).status, 200, 'the next good request');
  const tookMs = performance.now() - begin;
  assert.ok(tookMs < NEXT_REQUEST_MS, `the next good request took ${tookMs.toFixed()} ms`);
  await movedExactly(scene, before.metrics, counts);
  const isBack = () => scene.descriptors <= descriptors;
  const files = `${descriptors} open files again`;
  await until(isBack, files, BACK_WITHIN_MS);
  const limit = before.memory * MEMORY_FACTOR + KEPT_BY_ALLOCATORS;
  const inMiB = (bytes: number) => `${(bytes / (1 << 20)).toFixed()} MiB`;
  const memory = `less than ${inMiB(limit)} again, as before (${inMiB(before.memory)})`;
  await until(() => scene.memory <= limit, memory, BACK_WITHIN_MS);
  assert.ok(!scene.chorus.written.includes(CANARY), 'the log has text of a user');
  return probes;
}

/** A counter may be entered a moment after the answer has arrived; what went beyond it never comes back. */
async function movedExactly(
  scene: Scene,
  before: string,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [name, expected] of Object.entries(counts)) {
    const moved = async () => (await scene.count(name)) - countIn(before, name);
    await until(async () => (await moved()) >= expected, `${name} moved by ${expected}`, 5000);
    assert.equal(await moved(), expected, name);
  }
}
