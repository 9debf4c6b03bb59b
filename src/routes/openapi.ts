/**
 * `openapi.json`: what a running profile answers, from the very schemas that validate it.
 *
 * Nothing is described here: an operation brings its schemas and example, the error table its rows, an
 * error format its schema.
 */

import { z } from 'zod';

import { errorCodes, errorKinds, type ErrorCode } from '../errors/codes.js';
import { errorAnswer } from '../errors/error-answer.js';
import { statusOf, type ErrorFormat } from '../errors/formats.js';
import { ServiceError } from '../errors/service-error.js';
import type { Profile } from '../profile/schema.js';
import type { Endpoint } from './endpoints.js';
import type { Operation } from './operation.js';

/** JSON, as far as it is not spelled out. */
export type JsonObject = Readonly<Record<string, unknown>>;

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: JsonObject;
  /** By path, then by method in small letters. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: JsonObject;
}

export interface OperationObject extends JsonObject {
  readonly summary: string;
  readonly parameters?: readonly ParameterObject[];
  readonly requestBody?: RequestBodyObject;
  /** Present where a key must be shown. */
  readonly security?: readonly JsonObject[];
  /** By status. */
  readonly responses: Readonly<Record<string, JsonObject>>;
}

export interface ParameterObject extends JsonObject {
  readonly name: string;
  /** `enum`: what it can be, where that is known. */
  readonly schema: JsonObject & { readonly enum?: readonly string[] };
}

export interface RequestBodyObject extends JsonObject {
  readonly content: Readonly<
    Record<'application/json', JsonObject & { readonly example: unknown }>
  >;
}

export interface Described {
  readonly profile: Profile;
  /** Of the service. */
  readonly version: string;
  readonly endpoints: readonly Endpoint[];
  /** Whether keys are asked for, but where a route is open. */
  readonly asksKeys: boolean;
}

const HEADERS: JsonObject = {
  'x-request-id': header("The request's own, if it is a plain word, otherwise a new one."),
  'server-timing': header(
    'Milliseconds of looking in the cache, of tokenization, queue and inference where models were asked, and in total.',
  ),
  'x-cache': header(
    'What the answer owes to the cache, where there is one: `hit`, `partial`, `miss`, or `coalesced` with others that asked at the same time.',
  ),
  'chorus-truncated': header(
    'The models that read only the beginning of the text. Of several texts: `index:model`, at most a hundred, then how many more.',
  ),
  'chorus-generation': header('The generation of the index that the answer is from.'),
  'retry-after': header('Seconds after which another try is worth it.'),
};

/** A request id for examples. */
const SOME_ID = '01234567-89ab-4def-8123-456789abcdef';

/** How a key is shown: either of them. */
const KEY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer' },
  header: { type: 'apiKey', in: 'header', name: 'x-api-key' },
};

export function openApiOf({ profile, version, endpoints, asksKeys }: Described): OpenApiDocument {
  const paths: Record<string, Record<string, OperationObject>> = {};
  for (const endpoint of endpoints) {
    const methods = (paths[endpoint.path] ??= {});
    methods[endpoint.operation.method.toLowerCase()] = described(endpoint, asksKeys);
  }
  const formats = [...new Set(endpoints.map(({ route }) => route.errors))];
  return {
    openapi: '3.1.0',
    info: {
      title: `Chorus: ${profile.name}`,
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: Object.fromEntries(formats.map(({ name, schema }) => [name, jsonSchema(schema)])),
      examples: Object.fromEntries(formats.flatMap(examplesOf)),
      headers: HEADERS,
      ...(asksKeys && { securitySchemes: KEY_SCHEMES }),
    },
  };
}

function described({ path, operation, route }: Endpoint, asksKeys: boolean): OperationObject {
  const { contract, models, errors } = route;
  const needsKey = asksKeys && route.keys !== 'none';
  const { summary, request, response, example, asksModels, asksIndex } = operation;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return {
    tags: [contract],
    summary,
    ...(models.length > 0 && { description: `Models: ${models.join(', ')}.` }),
    ...(needsKey && { security: Object.keys(KEY_SCHEMES).map((scheme) => ({ [scheme]: [] })) }),
    ...(names.length > 0 && { parameters: names.map((name) => parameter(name, models)) }),
    ...(request && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: jsonSchema(request, 'input'), example } },
      },
    }),
    responses: {
      200: {
        description: 'The answer',
        headers: headers(
          'x-request-id',
          ...(asksModels ? ['server-timing', 'x-cache', 'chorus-truncated'] : []),
          ...(asksIndex === true ? ['chorus-generation'] : []),
        ),
        content: { 'application/json': { schema: jsonSchema(response) } },
      },
      ...failures(operation, errors, needsKey),
    },
  };
}

function parameter(name: string, models: readonly string[]): ParameterObject {
  const schema = { type: 'string', ...(name === 'model' && { enum: models }) };
  return { name, in: 'path', required: true, schema };
}

/** By status. */
function failures(
  operation: Operation,
  format: ErrorFormat,
  needsKey: boolean,
): Record<string, JsonObject> {
  const codes = errorCodes.filter((code) => canEndWith(operation, code, needsKey));
  const statuses = new Set(codes.map((code) => statusOf(code, format)));
  return Object.fromEntries(
    [...statuses].map((status) => {
      const ofStatus = codes.filter((code) => statusOf(code, format) === status);
      return [status, failure(status, ofStatus, format)];
    }),
  );
}

function canEndWith(
  { request, asksModels, errors = [] }: Operation,
  code: ErrorCode,
  needsKey: boolean,
): boolean {
  const inScope = {
    any: true,
    body: request !== undefined,
    keys: needsKey,
    models: asksModels,
    own: false,
  };
  return inScope[errorKinds[code].scope] || errors.includes(code);
}

function failure(status: number, codes: readonly ErrorCode[], format: ErrorFormat): JsonObject {
  const examples = codes.map((code) => [code, reference('examples', exampleName(format, code))]);
  return {
    description: codes.map((code) => `\`${code}\`: ${errorKinds[code].title}.`).join(' '),
    headers: headers('x-request-id', ...(status === 503 || status === 429 ? ['retry-after'] : [])),
    content: {
      [format.contentType]: {
        schema: reference('schemas', format.name),
        examples: Object.fromEntries(examples) as JsonObject,
      },
    },
  };
}

/** Every error that is sent, as `format` tells it. */
function examplesOf(format: ErrorFormat): [name: string, example: JsonObject][] {
  return errorCodes
    .filter((code) => code !== 'cancelled')
    .map((code) => {
      const { title } = errorKinds[code];
      const error = new ServiceError(code, `${title}.`);
      const { body } = errorAnswer(error, SOME_ID, format, () => 0.5);
      return [exampleName(format, code), { summary: title, value: JSON.parse(body) as unknown }];
    });
}

function exampleName({ name }: ErrorFormat, code: ErrorCode): string {
  return `${name}.${code}`;
}

function headers(...names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, reference('headers', name)]));
}

function reference(kind: 'examples' | 'headers' | 'schemas', name: string): JsonObject {
  return { $ref: `#/components/${kind}/${name}` };
}

function header(description: string): JsonObject {
  return { description, schema: { type: 'string' } };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output' = 'output'): JsonObject {
  const entries = Object.entries(z.toJSONSchema(schema, { io }));
  // OpenAPI 3.1 says once for all schemas which dialect they are in.
  return Object.fromEntries(entries.filter(([key]) => key !== '$schema'));
}
