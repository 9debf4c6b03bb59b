/**
 * The `predict` contract: a list of texts in, every label of each out.
 *
 * Request: `{"text":["…","…"]}`, or one text as `{"text":"…"}`. Answer: `{"predictions":[…]}`, for each text a list of
 * `{"label": string, "score": number}` in the texts' order; for one text its list alone.
 */

import { z } from 'zod';

import { classScoresOf, inClassOrder, ranked, type LabelScore } from '../../engine/scores.js';
import { problem } from '../../errors/problem.js';
import { kindOf } from '../kind-of.js';
import { contract, operation, type Operation } from '../operation.js';

const options = z.strictObject({
  /** Which label comes first: the best, or that of class 0. */
  order: z.enum(['score', 'class']).default('score'),
  /** Texts of a request, at most. */
  max_texts: z.int().min(1).max(1_000_000).default(512),
  /** Whether `text` is a list, one text, or either. */
  shape: z.enum(['any', 'list', 'one']).default('any'),
});

type Options = z.infer<typeof options>;

const text = z.string({ error: ({ input }) => `must be a string, and it is ${kindOf(input)}` });

const predictions = z
  .array(z.object({ label: z.string(), score: z.number() }))
  .describe('Every label of a text with its score.');

const response = z.object({ predictions: z.union([z.array(predictions), predictions]) });

const LABELS = { score: remembered(ranked), class: remembered(inClassOrder) };
const jsonOf = remembered((labels: readonly LabelScore[]) => JSON.stringify(labels));

function predict({ order, max_texts: maxTexts, shape }: Options): Operation {
  const anyList = z.array(z.unknown(), {
    error: ({ input }) => `must be a list of strings, and it is ${kindOf(input)}`,
  });
  const list = anyList
    .min(1, 'must have at least one text')
    .max(maxTexts, {
      abort: true,
      error: ({ input }) =>
        `must have at most ${maxTexts} texts, and it has ${(input as readonly unknown[]).length}`,
    })
    .pipe(z.array(text));
  const either = z.union([list, text], {
    error: ({ input }) => `must be a list of strings, or one string, and it is ${kindOf(input)}`,
  });
  const labels = LABELS[order];
  return operation({
    method: 'POST',
    path: '',
    summary: 'Classify texts by one model, with every label of each',
    request: z.strictObject(
      { text: { any: either, list, one: text }[shape] },
      {
        error: ({ code, input }) =>
          code === 'invalid_type' ? `must be an object, and it is ${kindOf(input)}` : undefined,
      },
    ),
    ...(shape !== 'one' && { maxTexts }),
    response,
    example: { text: shape === 'one' ? 'example 1' : ['example 1', 'example 2'] },
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
