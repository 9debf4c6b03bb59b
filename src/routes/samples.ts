/**
 * Requests that work as they are, from the document of a service: one for each of its operations.
 */

import type { OpenApiDocument, OperationObject } from './openapi.js';

export interface Sample {
  readonly method: string;
  /** From the root, its parameters filled in. */
  readonly path: string;
  readonly summary: string;
  /** JSON; absent where the operation takes no body. */
  readonly body?: string;
  readonly needsKey: boolean;
}

export function samplesOf({ paths }: OpenApiDocument): readonly Sample[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => sampleOf(method, path, operation)),
  );
}

function sampleOf(method: string, path: string, operation: OperationObject): Sample {
  const { summary, parameters = [], requestBody, security } = operation;
  const example = requestBody?.content['application/json'].example;
  return {
    method: method.toUpperCase(),
    path: parameters.reduce((path, { name, schema }) => {
      return path.replace(`{${name}}`, encodeURIComponent(schema.enum?.[0] ?? ''));
    }, path),
    summary,
    ...(example !== undefined && { body: JSON.stringify(example) }),
    needsKey: security !== undefined,
  };
}
