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

/** What a search that may miss must find to be served. */
const LEAST_RECALL = 0.95;

/**
 * Whether a search finds enough to be served: of the ten nearest rows alone it cannot be told, since where one row is
 * near and all others are equally far, any ten are as good as the ten nearest.
 */
export function isEnough({ recallAt1, recallAt10 }: Recall): boolean {
  return Math.min(recallAt1, recallAt10) >= LEAST_RECALL;
}

/** For people. */
export function recallText({ recallAt1, recallAt10 }: Recall): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return `${percent(recallAt1)} of the nearest rows found, ${percent(recallAt10)} of the ten nearest`;
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

/** As many as are searched for in one scan. */
const TOGETHER = 32;

/**
 * What is found for each of `vectors`, asked for by itself: the lines of a few may be more than an answer has room for. Those
 * that are asked for at once are searched together.
 */
export async function searchedApart<T>(
  vectors: readonly Float32Array[],
  search: (vectors: readonly Float32Array[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (let at = 0; at < vectors.length; at += TOGETHER) {
    const asked = vectors.slice(at, at + TOGETHER).map((vector) => search([vector]));
    found.push(...(await Promise.all(asked)).flat());
  }
  return found;
}
