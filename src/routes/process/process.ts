/**
 * Answers one text by every model of the route.
 *
 * The body is put together as a string: key order is part of the contract, and an object would move
 * keys that look like integers to the front.
 */

import type { Middleware } from 'koa';

import type { ModelOutput, TextAnswer } from '../../engine/engine.js';
import { ServiceError } from '../../errors/service-error.js';
import { parseJson } from '../../http/json.js';
import { setServerTiming } from '../../http/server-timing.js';
import type { ContractServices } from '../contract.js';
import { parseText } from './schema.js';

/** Names the models that read only the beginning of the text. */
const TRUNCATED_HEADER = 'chorus-truncated';

export function createProcessHandler(
  models: readonly string[],
  { engine, exchanges, readBody, answerTimeoutMs, textRepaired }: ContractServices,
): Middleware {
  const keys = models.map((name) => JSON.stringify(name));

  return async function processText(context) {
    const exchange = exchanges.of(context.res);
    const bytes = await readBody(context);
    exchange.bodyBytes = bytes.length;
    let text = parseText(parseJson(bytes));
    // A lone surrogate has no UTF-8 form. Repaired here, what is counted is what the models read.
    if (!text.isWellFormed()) {
      text = text.toWellFormed();
      textRepaired();
    }
    const inference = engine.infer({ texts: [text], models, top: 1 });
    const { texts, timing } = await exchange.wait(inference, answerTimeoutMs);
    const [answer] = texts;
    if (answer === undefined) throw new ServiceError('internal', 'The engine gave no answer.');
    if (answer.truncatedBy.length > 0) {
      context.set(TRUNCATED_HEADER, answer.truncatedBy.join(', '));
    }
    setServerTiming(context, timing, exchange);
    context.set('content-type', 'application/json');
    context.body = serialize(keys, answer);
  };
}

function serialize(keys: readonly string[], { outputs }: TextAnswer): string {
  const entries = keys.map((key, index) => `${key}:${topLabel(outputs[index])}`);
  return `{${entries.join(',')}}`;
}

function topLabel(output: ModelOutput | undefined): string {
  const top = output?.type === 'classification' ? output.scores[0] : undefined;
  if (top === undefined) throw new ServiceError('internal', 'A classifier gave no label.');
  return `{"score":${String(top.score)},"label":${JSON.stringify(top.label)}}`;
}
