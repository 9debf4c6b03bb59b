/**
 * Models by their place among those that are loaded.
 */

import type { ModelInfo } from './engine.js';

/** The indices of the models that a list names. */
export type IndicesOf = (names: readonly string[]) => readonly number[];

/** Gives the same list for the same list: a route asks for its models again and again. */
export function indicesIn(models: readonly ModelInfo[]): IndicesOf {
  const indexOf = new Map(models.map(({ name }, index) => [name, index]));
  const known = new WeakMap<readonly string[], readonly number[]>();
  return (names) => {
    const before = known.get(names);
    if (before !== undefined) return before;
    const indices = names.map((name) => {
      const index = indexOf.get(name);
      if (index === undefined) throw new Error(`No model ${name} is loaded.`);
      return index;
    });
    known.set(names, indices);
    return indices;
  };
}
