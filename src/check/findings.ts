/**
 * What a check says besides its table: whatever happens to it becomes a line.
 */

export interface Findings {
  /** What is wrong; with any of these, the check fails. */
  readonly faults: string[];
  /** What is as it should be, and worth knowing. */
  readonly notes: string[];
}

/** What `work` gives; where it fails, undefined and a fault of `what`, since a check does not end before it is told. */
export async function attempt<T>(
  { faults }: Findings,
  what: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    faults.push(...linesOf(error).map((line) => (what === '' ? line : `${what}: ${line}`)));
    return undefined;
  }
}

function linesOf(error: unknown): string[] {
  return (error instanceof Error ? error.message : String(error)).split('\n');
}
