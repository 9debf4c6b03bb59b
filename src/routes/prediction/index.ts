/**
 * The `prediction` contract: a text in, the label that the model has decided for out, as services around scikit-learn
 * answer.
 *
 * Request: `{"text":"…"}`, answered by `{"label": string}`, or `{"text":["…","…"]}`, by a list of such objects in the
 * texts' order. `"probabilities": true` adds the probability of every label in class order to each.
 */

import { z } from 'zod';

import type { ClassScores, ModelInfo } from '../../engine/engine.js';
import { best, classScoresOf, inClassOrder } from '../../engine/scores.js';
import { problem } from '../../errors/problem.js';
import { ServiceError } from '../../errors/service-error.js';
import { kindOf } from '../kind-of.js';
import { contract, operation, type Operation } from '../operation.js';
import { bodyOf, textsInput, textsOptions, type TextsOptions } from '../texts.js';

const probabilities = z
  .boolean({ error: ({ input }) => `must be true or false, and it is ${kindOf(input)}` })
  .optional()
  .describe('Whether the probability of every label is wanted, too.');

const prediction = z.object({
  label: z.string().describe('What the model has decided for.'),
  probabilities: z
    .record(z.string(), z.number().min(0).max(1))
    .optional()
    .describe('Of every label, in class order, where they were asked for.'),
});

type Prediction = z.infer<typeof prediction>;

function predict(options: TextsOptions): Operation {
  const input = textsInput(options);
  return operation({
    method: 'POST',
    path: '',
    summary: 'Classify texts by one model, with the label of each',
    request: bodyOf({ text: input.text, probabilities }),
    ...input.bound,
    response: z.union([z.array(prediction), prediction]),
    example: { text: input.example },
    asksModels: true,
    async answer({ text, probabilities = false }, call) {
      if (probabilities) requireProbabilities(call.models);
      const answers = await call.ask(typeof text === 'string' ? [text] : text);
      const predictions = answers.map(({ outputs }) => {
        const scores = classScoresOf(outputs[0]);
        return probabilities ? withProbabilities(scores) : { label: best(scores).label };
      });
      const [first] = predictions;
      return typeof text === 'string' && first !== undefined ? first : predictions;
    },
    serialize(output, { models }) {
      const labels = [...new Set(models[0]?.labels)];
      const jsonOf = (prediction: Prediction) => json(prediction, labels);
      return Array.isArray(output) ? `[${output.map(jsonOf).join()}]` : jsonOf(output);
    },
  });
}

/** @throws {ServiceError} `invalid_input` where the route's model has scores that are no probabilities. */
function requireProbabilities([model]: readonly ModelInfo[]): void {
  if (model?.scores !== 'numbers') return;
  const detail = `must be false or left out: the scores of ${model.name} are no probabilities`;
  throw new ServiceError('invalid_input', `The body's /probabilities ${detail}.`, {
    faults: [{ pointer: '/probabilities', detail }],
  });
}

function withProbabilities(scores: ClassScores): Prediction {
  const ofLabels = new Map<string, number>();
  // Classes that a profile gives the same name are one label.
  for (const { label, score } of inClassOrder(scores)) {
    ofLabels.set(label, (ofLabels.get(label) ?? 0) + score);
  }
  return { label: best(scores).label, probabilities: Object.fromEntries(ofLabels) };
}

/** The order of `labels` is part of the contract, and an object moves those that look like integers to the front. */
function json({ label, probabilities }: Prediction, labels: readonly string[]): string {
  const decided = `"label":${JSON.stringify(label)}`;
  if (probabilities === undefined) return `{${decided}}`;
  const all = labels.map((label) => `${JSON.stringify(label)}:${probabilities[label]}`);
  return `{${decided},"probabilities":{${all.join()}}}`;
}

export const predictionContract = contract({
  tasks: ['classification'],
  asksOneModel: true,
  errors: problem,
  options: z.strictObject(textsOptions),
  operations: (options) => [predict(options)],
});
