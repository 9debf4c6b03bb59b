/**
 * Whether a loaded profile answers as it should.
 *
 * Needs no reference: what a model must hold whatever its weights are, and what its profile promises
 * of some texts (`golden`).
 */

import type { Engine, ModelInfo, ModelOutput } from '../engine/engine.js';
import { best } from '../engine/scores.js';
import type { Golden } from '../profile/schema.js';
import { attempt, type Findings } from './findings.js';
import {
  groupsOf,
  inOneRequest,
  isUnreadable,
  largestDifference,
  lengthOf,
  outputsOf,
  type Outputs,
} from './outputs.js';

/** Single precision, and sums in another order; of a vector, in proportion to its length. */
const TOLERANCE = 1e-6;

/** What a self-test asks. */
export interface Questions {
  readonly models: readonly ModelInfo[];
  readonly texts: readonly string[];
  readonly golden: readonly Golden[];
}

/** Asks for `texts` and `golden`; what is found is written into `findings`, a line each. */
export async function selfTest(
  engine: Engine,
  { models, texts, golden }: Questions,
  findings: Findings,
): Promise<void> {
  for (const together of groupsOf(models)) {
    await neighbours(engine, together, texts, findings);
    await promises(engine, together, golden, findings);
  }
}

/** A text's scores must not depend on what else is in its batch, and each label must have one. */
async function neighbours(
  engine: Engine,
  models: readonly ModelInfo[],
  texts: readonly string[],
  findings: Findings,
): Promise<void> {
  const { faults } = findings;
  const alone = new Map<number, Outputs[number]>();
  for (const [index, text] of texts.entries()) {
    const answer = await attempt(findings, `text ${index + 1}`, () => ask(engine, models, text));
    if (typeof answer === 'string') findings.notes.push(`text ${index + 1}: ${answer}`);
    else if (answer !== undefined) alone.set(index, answer);
  }
  const answered = [...alone.keys()];
  const together = await attempt(findings, 'texts in a batch', () =>
    outputsOf(
      engine,
      models,
      answered.map((index) => texts[index] ?? ''),
    ),
  );
  for (const [place, index] of answered.entries()) {
    for (const [position, { name }] of models.entries()) {
      const [one, other] = [alone.get(index)?.[position], together?.[place]?.[position]];
      const drift = one && other ? driftOf(one, other) : Number.NaN;
      if (together !== undefined && !(drift <= TOLERANCE)) {
        faults.push(`${name}: text ${index + 1} differs by ${drift} alone and in a batch`);
      }
      if (one?.type === 'classification' && one.scores.length !== one.labels.length) {
        const counts = `${one.scores.length} scores for ${one.labels.length} labels`;
        faults.push(`${name}: text ${index + 1} has ${counts}`);
      }
    }
  }
}

/** Every model's output for `text`, or why one cannot read it: a tokenizer may make no token of it. */
async function ask(
  engine: Engine,
  models: readonly ModelInfo[],
  text: string,
): Promise<Outputs[number] | string> {
  try {
    const [answer = []] = await inOneRequest(engine, models, [text]);
    return answer;
  } catch (error) {
    if (isUnreadable(error)) return error.message;
    throw error;
  }
}

/** How far two answers are apart; NaN where one of them is none. */
function driftOf(one: ModelOutput, other: ModelOutput): number {
  const difference = largestDifference(one, other);
  // The vectors of some encoders are of any length, and their rounding errors with them.
  return one.type === 'embedding' ? difference / lengthOf(one.vector) : difference;
}

/** The profile's own examples. */
async function promises(
  engine: Engine,
  models: readonly ModelInfo[],
  golden: readonly Golden[],
  findings: Findings,
): Promise<void> {
  for (const [index, { text, labels }] of golden.entries()) {
    const what = `golden text ${index + 1}`;
    const answers = await attempt(findings, what, () => inOneRequest(engine, models, [text]));
    if (answers === undefined) continue;
    for (const [position, { name }] of models.entries()) {
      const expected = labels[name];
      const found = labelOf(answers[0]?.[position]);
      if (expected !== undefined && found !== expected) {
        findings.faults.push(`${name}: ${what} is ${found}, expected ${expected}`);
      }
    }
  }
}

function labelOf(output: ModelOutput | undefined): string {
  return output?.type === 'classification' ? best(output).label : 'not classified';
}
