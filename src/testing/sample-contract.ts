/**
 * A contract with everything that none of the service's own has yet: parameters in paths, several texts,
 * operations without a body or without models, errors in a format of its own.
 */

import { z } from 'zod';

import { ranked, classScoresOf } from '../engine/scores.js';
import type { ErrorFormat } from '../errors/formats.js';
import { ServiceError } from '../errors/service-error.js';
import { contract, noOptions, operation, type Call } from '../routes/operation.js';

/** As some protocols tell errors: a message and a code, as plain JSON. */
export const terse: ErrorFormat = {
  name: 'Terse',
  contentType: 'application/json',
  schema: z.object({ error: z.object({ message: z.string(), code: z.string() }) }),
  body: ({ publicDetail, code }) => ({ error: { message: publicDetail, code } }),
};

const listModels = operation({
  method: 'GET',
  path: '/models',
  summary: 'List the models',
  response: z.array(z.string()),
  asksModels: false,
  answer: (_, { models }) => models.map(({ name }) => name),
});

const labelScore = z.object({ label: z.string(), score: z.number() });

const classify = operation({
  method: 'POST',
  path: '/models/{model}/infer',
  summary: 'Classify texts by one model',
  request: z.object({ inputs: z.array(z.string()).min(1) }),
  response: z.array(z.array(labelScore)),
  example: { inputs: ['A fine day', 'A bad day'] },
  asksModels: true,
  errors: ['not_found'],
  async answer({ inputs }, call) {
    const answers = await call.ask(inputs, [modelOf(call)]);
    return answers.map(({ outputs }) => ranked(classScoresOf(outputs[0])));
  },
});

const warmUp = operation({
  method: 'GET',
  path: '/models/{model}/warm-up',
  summary: 'Have one model answer something',
  response: z.array(labelScore),
  asksModels: true,
  errors: ['not_found'],
  async answer(_, call) {
    const [{ outputs }] = await call.ask(['A fine day'], [modelOf(call)]);
    return ranked(classScoresOf(outputs[0]));
  },
});

const count = operation({
  method: 'POST',
  path: '/count',
  summary: 'Count the characters of texts',
  request: z.object({ inputs: z.array(z.string()) }),
  response: z.array(z.int()),
  example: { inputs: ['A fine day'] },
  asksModels: false,
  answer: ({ inputs }) => inputs.map((text) => text.length),
});

export const sampleContract = contract({
  tasks: ['classification'],
  asksOneModel: false,
  errors: terse,
  options: noOptions,
  operations: () => [listModels, classify, warmUp, count],
});

function modelOf({ models, parameters }: Call): string {
  const { model = '' } = parameters;
  if (models.some(({ name }) => name === model)) return model;
  throw new ServiceError('not_found', `Models here: ${models.map(({ name }) => name).join(', ')}.`);
}
