/**
 * All rows of the fault matrix, by group and number.
 */

import type { Group, Row } from './row.js';
import { body } from './rows/body.js';
import { engine } from './rows/engine.js';
import { framing } from './rows/framing.js';
import { lifecycle } from './rows/lifecycle.js';
import { overload } from './rows/overload.js';
import { redis } from './rows/redis.js';
import { texts } from './rows/texts.js';

export const MATRIX: readonly (readonly [Group, Row])[] = [
  ...framing.map((row) => ['A', row] as const),
  ...[...body, ...texts].map((row) => ['B', row] as const),
  ...overload.map((row) => ['C', row] as const),
  ...engine.map((row) => ['D', row] as const),
  ...redis.map((row) => ['E', row] as const),
  ...lifecycle.map((row) => ['F', row] as const),
];

/** How a row is named wherever it is told of. */
export function titleOf(group: Group, { number, fault }: Row): string {
  return `${group} ${number}: ${fault}`;
}

/** Whether `wanted` has it: `A` for a group, `14` for a row; all where nothing is wanted. */
export function isWanted(wanted: readonly string[], group: Group, { number }: Row): boolean {
  const groups = wanted.filter((word) => /^[A-F]$/.test(word));
  const numbers = wanted.filter((word) => /^\d+$/.test(word));
  if (numbers.length > 0) return numbers.includes(String(number));
  return groups.length === 0 || groups.includes(group);
}
