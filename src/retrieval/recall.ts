/**
 * What share of the nearest rows a search finds, beside what comparing all of them finds.
 */

/** Nearest rows of each vector that are looked for. */
export const TOP = 10;

export interface Recall {
  /** Of the vectors, the share whose nearest row, or its equal, is found first. */
  readonly recallAt1: number;
  /** Of the nearest rows of all vectors, the share that is found. */
  readonly recallAt10: number;
}

/**
 * @param exact - of each vector, the scores of its nearest rows, best first.
 * @param found - of each vector, what a search has found, best first.
 * @param tolerance - by how much a score may differ since it was summed otherwise.
 */
export function recallOf(
  exact: readonly (readonly number[])[],
  found: readonly (readonly { readonly score: number }[])[],
  tolerance: number,
): Recall {
  let [first, nearest, wanted] = [0, 0, 0];
  for (const [at, scores] of exact.entries()) {
    const hits = found[at] ?? [];
    const atLeast = (rank: number) => (scores[rank] ?? 0) - tolerance;
    if ((hits[0]?.score ?? -Infinity) >= atLeast(0)) first += 1;
    wanted += scores.length;
    nearest += hits.filter(({ score }) => score >= atLeast(scores.length - 1)).length;
  }
  return {
    recallAt1: exact.length === 0 ? 1 : first / exact.length,
    recallAt10: wanted === 0 ? 1 : nearest / wanted,
  };
}
