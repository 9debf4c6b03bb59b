/**
 * Whether a loaded profile answers as it should.
 *
 * Needs no reference: what a model must hold whatever its weights are, and what its profile promises
 * of some texts (`golden`).
 */

import type { Engine, LabelScore, ModelOutput } from '../engine/engine.js';
import type { Golden } from '../profile/schema.js';

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

/** A text's scores must not depend on what else is in its batch; and the best must come first. */
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
      if (one?.type === 'classification' && !isBestFirst(one.scores)) {
        faults.push(`${name}: text ${index + 1} has scores out of order`);
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
      const answer = answers[position];
      const found = answer?.type === 'classification' ? answer.scores[0]?.label : undefined;
      const expected = labels[name];
      if (expected !== undefined && found !== expected) {
        faults.push(`${name}: golden text ${index + 1} is ${String(found)}, expected ${expected}`);
      }
    }
  }
  return faults;
}

/** All labels of every text, one text per request where it is a single one. */
export async function outputs(
  engine: Engine,
  texts: readonly string[],
): Promise<readonly (readonly ModelOutput[])[]> {
  const request = { texts, models: engine.models.map(({ name }) => name), top: Infinity };
  const { texts: answers } = await engine.infer(request).answer;
  return answers.map((answer) => answer.outputs);
}

/** The largest difference of scores by label, or of components. */
export function largestDifference(one: ModelOutput, other: ModelOutput): number {
  if (one.type === 'embedding' && other.type === 'embedding') {
    return Math.max(...one.vector.map((value, at) => Math.abs(value - (other.vector[at] ?? NaN))));
  }
  if (one.type !== 'classification' || other.type !== 'classification') return Number.NaN;
  const scoreOf = new Map(other.scores.map(({ label, score }) => [label, score]));
  return Math.max(
    ...one.scores.map(({ label, score }) => Math.abs(score - (scoreOf.get(label) ?? NaN))),
  );
}

function isBestFirst(scores: readonly LabelScore[]): boolean {
  return scores.every(({ score }, at) => score <= (scores[at - 1]?.score ?? Infinity));
}
