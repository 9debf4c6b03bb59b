/**
 * Whether a loaded profile answers as it should.
 *
 * Needs no reference: what a model must hold whatever its weights are, and what its profile promises
 * of some texts (`golden`).
 */

import type { Engine, ModelOutput } from '../engine/engine.js';
import { best } from '../engine/scores.js';
import type { Golden } from '../profile/schema.js';
import { largestDifference, outputs } from './outputs.js';

/** Single precision, and sums in another order. */
const TOLERANCE = 1e-6;

/** Everything that is wrong, a line each; empty for a sound profile. */
export async function selfTest(
  engine: Engine,
  texts: readonly string[],
  golden: readonly Golden[],
): Promise<string[]> {
  return [...(await neighbours(engine, texts)), ...(await promises(engine, golden))];
}

/** A text's scores must not depend on what else is in its batch, and each label must have one. */
async function neighbours(engine: Engine, texts: readonly string[]): Promise<string[]> {
  const together = await outputs(engine, texts);
  const faults: string[] = [];
  for (const [index, text] of texts.entries()) {
    const [alone = []] = await outputs(engine, [text]);
    for (const [position, { name }] of engine.models.entries()) {
      const [one, other] = [alone[position], together[index]?.[position]];
      const drift = one && other ? largestDifference(one, other) : Number.NaN;
      if (!(drift <= TOLERANCE)) {
        faults.push(`${name}: text ${index + 1} differs by ${drift} alone and in a batch`);
      }
      if (one?.type === 'classification' && one.scores.length !== one.labels.length) {
        const counts = `${one.scores.length} scores for ${one.labels.length} labels`;
        faults.push(`${name}: text ${index + 1} has ${counts}`);
      }
    }
  }
  return faults;
}

/** The profile's own examples. */
async function promises(engine: Engine, golden: readonly Golden[]): Promise<string[]> {
  const faults: string[] = [];
  for (const [index, { text, labels }] of golden.entries()) {
    const [answers = []] = await outputs(engine, [text]);
    for (const [position, { name }] of engine.models.entries()) {
      const expected = labels[name];
      const found = labelOf(answers[position]);
      if (expected !== undefined && found !== expected) {
        faults.push(`${name}: golden text ${index + 1} is ${found}, expected ${expected}`);
      }
    }
  }
  return faults;
}

function labelOf(output: ModelOutput | undefined): string {
  return output?.type === 'classification' ? best(output).label : 'not classified';
}
