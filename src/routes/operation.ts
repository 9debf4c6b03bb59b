/**
 * What a contract is: operations as data, each with the shape of its request and of its answer.
 *
 * A contract knows neither where it is mounted nor HTTP: the profile gives it a path and models,
 * `http/operation.ts` reads, decodes and validates for it, and `openapi.ts` describes it from the same
 * schemas. To add one, write a folder beside `process/` and list it in `index.ts`.
 */

import { z } from 'zod';

import type { ModelInfo, Task, TextAnswer } from '../engine/engine.js';
import type { ErrorCode } from '../errors/codes.js';
import type { ErrorFormat } from '../errors/formats.js';
import type { Filter, Found } from '../retrieval/generation.js';

export interface Contract<O = unknown> {
  /** What its models may be. */
  readonly tasks: readonly Task[];
  /** Whether a route has one model; otherwise it has any number. */
  readonly asksOneModel: boolean;
  /** How its errors are told, those of paths below its route included. */
  readonly errors: ErrorFormat;
  /** What a profile may say of a route besides its path, contract and models; all of it has a default. */
  readonly options: z.ZodType<O>;
  readonly operations: (options: O) => readonly Operation[];
}

/** For a contract of which a profile has nothing to say. */
export const noOptions = z.strictObject({});

/** `contract` with its type settled: `O` is that of the schema. */
export function contract<O>(contract: Contract<O>): Contract {
  return contract as Contract;
}

/** One method of one path: `I` comes in as JSON and `O` goes out. */
export interface Operation<I = unknown, O = unknown> {
  readonly method: 'GET' | 'POST';
  /** Below the route's path: empty, or such as `/models/{model}/infer`; `{model}` is one of the route's. */
  readonly path: string;
  /** A few words for `openapi.json`. */
  readonly summary: string;
  /** Absent where there is no body. */
  readonly request?: z.ZodType<I>;
  /** What `answer` gives, for `openapi.json`; tests hold answers to it. */
  readonly response: z.ZodType<O>;
  /** A request that is answered, for the banner, `openapi.json` and a test; absent where there is no body. */
  readonly example?: I;
  /** Whether it asks models (`Call.ask`), so that it can end as they do and its answer has their headers. */
  readonly asksModels: boolean;
  /** Whether it looks for texts in an index (`Call.find`), by the one model of its route. */
  readonly asksIndex?: boolean;
  /** The most texts of one request, where that is bounded: so many must be able to wait. */
  readonly maxTexts?: number;
  /** What it raises itself, besides what the error table says of operations like it. */
  readonly errors?: readonly ErrorCode[];
  /** @throws {ServiceError} */
  answer(input: I, call: Call): O | Promise<O>;
  /** JSON for `output`, where `JSON.stringify` is not enough. */
  serialize?(output: O, call: Call): string;
}

/** One request, as an operation sees it. */
export interface Call {
  /** The route's models, in the profile's order. */
  readonly models: readonly ModelInfo[];
  /** The path's parameters by name, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /**
   * Asks `models` (names, by default all of the route) about each of `texts`; to be called once.
   *
   * Owns what every contract needs of it: texts are repaired where they are not Unicode, the wait ends
   * with the client or the time limit, and headers say which texts were cut and where the time went.
   *
   * @throws {ServiceError} what `Inference.answer` rejects with.
   */
  ask<const T extends readonly string[]>(
    texts: T,
    models?: readonly string[],
  ): Promise<{ readonly [K in keyof T]: TextAnswer }>;
  /**
   * What is nearest to each of `texts` in the index, best first; to be called once, instead of `ask`.
   *
   * Texts are embedded for the generation that is searched, which a header names.
   *
   * @throws {ServiceError} as of `ask`, and `invalid_input` where `filter` names no field of the index.
   */
  find(texts: readonly string[], wish: Wish): Promise<readonly (readonly Found[])[]>;
  /** Adds a header to the answer; to be called once for each name. */
  header(name: string, value: string): void;
}

/** What is looked for in an index. */
export interface Wish {
  /** How many lines of each text, at most. */
  readonly top: number;
  readonly filter?: Filter | undefined;
}

/** `operation` with its types settled: `I` and `O` are those of the schemas. */
export function operation<I, O>(operation: Operation<I, O>): Operation {
  return operation;
}
