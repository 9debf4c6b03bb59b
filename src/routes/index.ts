/**
 * The contracts that a profile's routes can name.
 */

import type { Contract } from './contract.js';
import { processContract } from './process/index.js';

export const contracts = {
  process: processContract,
} satisfies Record<string, Contract>;

export type ContractName = keyof typeof contracts;

export const contractNames = Object.keys(contracts) as [ContractName, ...ContractName[]];
