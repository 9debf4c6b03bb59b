/**
 * The `process` contract: one text in, the best label of every model out.
 *
 * Request: a JSON string, the empty one included. Answer: an object with one key per model, in the
 * profile's order, each `{"score": number, "label": string}`.
 */

import { z } from 'zod';

import { best, classScoresOf, type LabelScore } from '../../engine/scores.js';
import { problem } from '../../errors/problem.js';
import { kindOf } from '../kind-of.js';
import { contract, noOptions, operation } from '../operation.js';

const text = z.string({
  error: ({ input }) =>
    `must be one JSON string, such as "A text to classify", and it is ${kindOf(input)}`,
});

const answers = z
  .record(z.string(), z.object({ score: z.number(), label: z.string() }))
  .describe("The best label of each model and its score, by the model's name.");

const processText = operation({
  method: 'POST',
  path: '',
  summary: 'Classify one text by every model',
  request: text,
  response: answers,
  example: 'This is how true happiness looks like 👍😜',
  asksModels: true,
  async answer(text, call) {
    const [{ outputs }] = await call.ask([text]);
    const answer: z.infer<typeof answers> = {};
    for (const [at, { name }] of call.models.entries()) {
      answer[name] = best(classScoresOf(outputs[at]));
    }
    return answer;
  },
  // The order of keys is part of the contract, and an object moves names that look like integers to the
  // front. Names of models need no escapes.
  serialize(answer, { models }) {
    let json = '';
    for (const { name } of models) {
      json += `${json === '' ? '{' : ','}"${name}":${jsonOf(answer[name])}`;
    }
    return `${json}}`;
  },
});

export const processContract = contract({
  tasks: ['classification'],
  asksOneModel: false,
  errors: problem,
  options: noOptions,
  operations: () => [processText],
});

/** Half of what `JSON.stringify` takes for it, several times a request. */
function jsonOf(top: LabelScore | undefined): string {
  return top ? `{"score":${top.score},"label":${JSON.stringify(top.label)}}` : 'null';
}
