/**
 * The `predict` contract: a list of texts in, every label of each out.
 *
 * Request: `{"text":["…","…"]}`, or one text as `{"text":"…"}`. Answer: `{"predictions":[…]}`, for each text a list of
 * `{"label": string, "score": number}` in the texts' order; for one text its list alone.
 */

import { z } from 'zod';

import { classScoresOf, inClassOrder, ranked, type LabelScore } from '../../engine/scores.js';
import { problem } from '../../errors/problem.js';
import { contract, operation, type Operation } from '../operation.js';
import { bodyOf, textsInput, textsOptions } from '../texts.js';

const options = z.strictObject({
  /** Which label comes first: the best, or that of class 0. */
  order: z.enum(['score', 'class']).default('score'),
  ...textsOptions,
});

type Options = z.infer<typeof options>;

const predictions = z
  .array(z.object({ label: z.string(), score: z.number() }))
  .describe('Every label of a text with its score.');

const response = z.object({ predictions: z.union([z.array(predictions), predictions]) });

const LABELS = { score: remembered(ranked), class: remembered(inClassOrder) };
const jsonOf = remembered((labels: readonly LabelScore[]) => JSON.stringify(labels));

function predict({ order, ...texts }: Options): Operation {
  const input = textsInput(texts);
  const labels = LABELS[order];
  return operation({
    method: 'POST',
    path: '',
    summary: 'Classify texts by one model, with every label of each',
    request: bodyOf({ text: input.text }),
    ...input.bound,
    response,
    example: { text: input.example },
    asksModels: true,
    async answer({ text }, call) {
      const answers = await call.ask(typeof text === 'string' ? [text] : text);
      const all = answers.map(({ outputs }) => labels(classScoresOf(outputs[0])));
      return { predictions: typeof text === 'string' ? (all[0] ?? []) : all };
    },
    serialize: ({ predictions }) =>
      `{"predictions":${isOfOne(predictions) ? jsonOf(predictions) : `[${predictions.map(jsonOf).join()}]`}}`,
  });
}

type Predictions = z.infer<typeof response>['predictions'];

/** Whether they are those of one text that was no list. */
function isOfOne(all: Predictions): all is LabelScore[] {
  return !Array.isArray(all[0]);
}

/** `make`, done once for each object: outputs that are kept come again and again. */
function remembered<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const made = make(key);
    known.set(key, made);
    return made;
  };
}

export const predictContract = contract({
  tasks: ['classification'],
  asksOneModel: true,
  errors: problem,
  options,
  operations: (options) => [predict(options)],
});
