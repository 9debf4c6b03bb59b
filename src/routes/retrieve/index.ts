/**
 * The `retrieve` contract: texts in, of an index the lines that are nearest to each.
 *
 * Request: `{"instances":["…"]}`. Answer: `{"match":"…"}` for one, `{"matches":["…","…"]}` for several, in their order; null
 * where nothing may be found. With `top_k` each is a list, best first; with `scores` or `ids` each line is an object.
 */

import { z } from 'zod';

import { problem } from '../../errors/problem.js';
import type { Found } from '../../retrieval/generation.js';
import { kindOf } from '../kind-of.js';
import { contract, operation, type Operation } from '../operation.js';
import { bodyOf, listOfTexts } from '../texts.js';

/** What a score is wrong by: that of a line with the very words is a little less than 1. */
const ROUNDING = 1e-6;

const options = z.strictObject({
  /** Texts of a request, at most. */
  max_texts: z.int().min(1).max(1_000_000).default(512),
  /** Lines for each text, at most. */
  max_top_k: z.int().min(1).max(1000).default(100),
});

type Options = z.infer<typeof options>;

const fieldValue = z.union([z.string(), z.number(), z.boolean()], {
  error: ({ input }) => `must be a string, a number, true or false, and it is ${kindOf(input)}`,
});

/** Of a field that is filtered by. */
const MOST_VALUES = 1000;
const listed = `must be a value, or a list of 1 to ${MOST_VALUES} of them`;

/** Equal to the value, or to one of the values; of every field that is named. */
const filter = z
  .record(
    z.string(),
    z.union([fieldValue, z.array(fieldValue).min(1, listed).max(MOST_VALUES, listed)], {
      error: ({ input }) => (Array.isArray(input) ? listed : undefined),
    }),
    {
      error: ({ input }) =>
        `must be an object of fields and their values, and it is ${kindOf(input)}`,
    },
  )
  .describe('Lines are found only where these fields have these values.');

const line = z.union([
  z.string(),
  z.object({ text: z.string(), id: z.string().optional(), score: z.number().optional() }),
  z.null(),
]);
const lines = z.union([line, z.array(line)]);
const response = z.union([z.object({ match: lines }), z.object({ matches: z.array(lines) })]);

type Line = z.infer<typeof line>;

function retrieve({ max_texts: maxTexts, max_top_k: maxTop }: Options): Operation {
  const flag = z.boolean({
    error: ({ input }) => `must be true or false, and it is ${kindOf(input)}`,
  });
  const wanted = `must be a whole number from 1 to ${maxTop}`;
  return operation({
    method: 'POST',
    path: '',
    summary: 'Find the lines of an index that are nearest to texts',
    request: bodyOf({
      instances: listOfTexts(maxTexts),
      top_k: z
        .int(wanted)
        .min(1, wanted)
        .max(maxTop, wanted)
        .optional()
        .describe('Lines for each text, best first; without it, one, and no list.'),
      scores: flag
        .optional()
        .describe('Whether to tell how near a line is: the cosine of the angle, in [-1, 1].'),
      ids: flag.optional().describe('Whether to tell the id that the corpus gave to a line.'),
      min_score: z
        .number('must be a number from -1 to 1')
        .min(-1, 'must be a number from -1 to 1')
        .max(1, 'must be a number from -1 to 1')
        .optional()
        .describe('Lines that are not so near are not found.'),
      filter: filter.optional(),
    }),
    maxTexts,
    response,
    example: { instances: ['Why so serious?'] },
    asksModels: true,
    asksIndex: true,
    errors: ['index_unavailable'],
    async answer(
      { instances, top_k: top, scores, ids, min_score: least = -Infinity, filter },
      call,
    ) {
      const found = await call.find(instances, { top: top ?? 1, filter });
      const lineOf = ({ text, match = text, id, score }: Found): Line =>
        scores === true || ids === true
          ? { text: match, ...(ids === true && { id }), ...(scores === true && { score }) }
          : match;
      const all = found.map((hits) => {
        const near = hits.filter(({ score }) => score >= least - ROUNDING).map(lineOf);
        return top === undefined ? (near[0] ?? null) : near;
      });
      return instances.length === 1 ? { match: all[0] ?? null } : { matches: all };
    },
  });
}

export const retrieveContract = contract({
  tasks: ['embedding'],
  asksOneModel: true,
  errors: problem,
  options,
  operations: (options) => [retrieve(options)],
});
