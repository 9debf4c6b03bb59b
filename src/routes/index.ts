/**
 * The contracts that a profile's routes can name.
 */

import type { Contract } from './operation.js';
import { predictContract } from './predict/index.js';
import { predictionContract } from './prediction/index.js';
import { processContract } from './process/index.js';
import { retrieveContract } from './retrieve/index.js';

export type Contracts = Readonly<Record<string, Contract>>;

export const contracts: Contracts = {
  predict: predictContract,
  prediction: predictionContract,
  process: processContract,
  retrieve: retrieveContract,
};
