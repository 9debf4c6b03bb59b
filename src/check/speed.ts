/**
 * Tokens per second of each model, alone on the machine, with texts enough to fill it.
 */

import type { Engine } from '../engine/engine.js';
import { textsAtOnce } from './outputs.js';

/** Long enough for a figure that repeats to a few percent on a quiet machine. */
const SECONDS = 1;
/** Texts per request where the queue holds as many: several batches for every lane. */
const TEXTS = 64;

/** By model name. */
export async function tokensPerSecond(
  engine: Engine,
  texts: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const speeds = new Map<string, number>();
  for (const { name } of engine.models) {
    speeds.set(name, await speedOf(engine, name, texts));
  }
  return speeds;
}

async function speedOf(engine: Engine, model: string, texts: readonly string[]): Promise<number> {
  // Numbered, since equal texts are computed once.
  const wave = Array.from({ length: textsAtOnce(engine, TEXTS) }, (_, index) => ({
    text: `${index} ${texts[index % texts.length] ?? ''}`,
    models: [model],
  }));
  const request = { texts: wave, deadlineMs: 0, priority: 'batch', fresh: true } as const;
  await engine.infer({ ...request, texts: wave.slice(0, 4) }).answer;
  const before = tokensOf(engine, model);
  const start = performance.now();
  let elapsed: number;
  do {
    await engine.infer(request).answer;
    elapsed = (performance.now() - start) / 1000;
  } while (elapsed < SECONDS);
  return (tokensOf(engine, model) - before) / elapsed;
}

function tokensOf(engine: Engine, model: string): number {
  const stats = engine.stats().models.find(({ name }) => name === model);
  return stats?.batchTokens ?? 0;
}
