/**
 * The `process` contract: one text in, the top label of every model out.
 *
 * Request: a JSON string. Answer: an object with one key per model, in the profile's order, each
 * `{"score": number, "label": string}`. `schema.ts` has the request, `process.ts` the work.
 */

import type { Contract } from '../contract.js';
import { createProcessHandler } from './process.js';

export const processContract: Contract = {
  method: 'POST',
  sampleBody: '"This is how true happiness looks like 👍😜"',
  mount(models, services) {
    for (const { name, task } of services.engine.models) {
      if (models.includes(name) && task !== 'classification') {
        throw new Error(`the contract process takes classifiers, and model ${name} is an encoder`);
      }
    }
    return createProcessHandler(models, services);
  },
};
