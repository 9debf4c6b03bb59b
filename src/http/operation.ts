/**
 * An operation as Koa middleware: read, decode, validate, answer, serialize.
 */

import type { z } from 'zod';

import type { Endpoint } from '../routes/endpoints.js';
import type { Authorize } from './authorization.js';
import { RequestCall, type CallServices } from './call.js';
import { invalidInput } from './invalid-input.js';
import { parseJson } from './json.js';
import type { BodyReader } from './read-body.js';
import type { Context, Middleware } from './state.js';

export interface OperationServices extends CallServices {
  readonly readBody: BodyReader;
  /** Absent where no keys are asked for. */
  readonly authorize?: Authorize | undefined;
}

/** The handler of `endpoint`, whose models must be loaded. */
export function answerBy(services: OperationServices, endpoint: Endpoint): Middleware {
  const { path, operation, route } = endpoint;
  const { request } = operation;
  const models = route.models.map((name) => {
    const model = services.engine.models.find((loaded) => loaded.name === name);
    if (model === undefined) throw new Error(`No model ${name} is loaded.`);
    return model;
  });

  const authorize = route.keys === 'none' ? undefined : services.authorize;

  return async function answerOperation(context) {
    context.state.exchange.route = path;
    authorize?.(context.state.exchange, route.keys);
    const input = request && (await inputOf(context, request, services.readBody));
    const call = new RequestCall(context, models, route, services);
    const output = await operation.answer(input, call);
    const body = operation.serialize?.(output, call) ?? JSON.stringify(output);
    context.state.exchange.answer(body);
  };
}

/** @throws {ServiceError} for a body that cannot be read, is not JSON, or not what the schema says. */
async function inputOf(
  context: Context,
  schema: z.ZodType,
  readBody: BodyReader,
): Promise<unknown> {
  const bytes = await readBody(context);
  context.state.exchange.bodyBytes = bytes.length;
  const result = schema.safeParse(parseJson(bytes));
  if (!result.success) throw invalidInput(result.error);
  return result.data;
}
