/**
 * How fast an index is searched, as finished searches show it: what a newcomer's wait is computed from.
 *
 * The engine knows how long a request waits for its vector (`native/core`, `requests/pace`), and nothing of the search that
 * follows. Here are the requests that were let in and are not answered, whether they wait for the one or the other: those
 * whose vectors are on their way are going to be before whoever comes next. Work is counted in milliseconds of a place,
 * of which an index has several (`IndexGeneration.places`), so that what is learned from a lone search is right for many.
 */

/** What was seen so long ago counts a third of what is seen now. */
const MEMORY_MS = 1000;
/** Never less of it: what is known after a night is better than nothing. */
const LEAST_KEPT = 1e-3;

/** A request that was let in. */
export interface OpenSearch {
  /** Its vectors are there, and the index is asked. */
  begun(): void;
  /**
   * It waits for nothing any more; `isDone`: the index is through with it, whether it found something or could not be
   * reached, and how long that took is how long others wait. What is told twice counts once.
   */
  ended(isDone: boolean): void;
}

export class SearchPace {
  #open = 0;
  /** Of all that are open. */
  #queries = 0;
  /** Of those that the index is asked. */
  #searching = 0;
  /** Until when the work of places is counted. */
  #countedAt: number;
  #work = 0;
  #done = 0;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.#countedAt = now();
  }

  /** A request is let in that looks for so many vectors, in an index with so many places. */
  accepted(queries: number, places: number): OpenSearch {
    this.#open += 1;
    this.#queries += queries;
    let begunAt: number | undefined;
    let isOpen = true;
    return {
      begun: () => {
        begunAt = this.count(places);
        this.#searching += queries;
      },
      ended: (isDone) => {
        if (!isOpen) return;
        isOpen = false;
        this.#open -= 1;
        this.#queries -= queries;
        if (begunAt === undefined) return;
        const now = this.count(places);
        this.#searching -= queries;
        if (isDone) this.#done += queries * recent(now - begunAt);
      },
    };
  }

  /**
   * Milliseconds until what is before a request of so many vectors is searched for; 0 while there is nothing, or nothing is
   * known.
   *
   * Each request has its share of a scan, so of one with hundreds of vectors no more is before a newcomer than it has
   * itself.
   */
  waitMs(queries: number, places: number): number {
    return this.workOf(Math.min(this.#queries, this.#open * queries)) / places;
  }

  /** Milliseconds that so many vectors take where nothing is before them. */
  serviceMs(queries: number, places: number): number {
    return this.workOf(queries) / places;
  }

  private workOf(queries: number): number {
    return this.#done === 0 ? 0 : (queries * this.#work) / this.#done;
  }

  /** Counts what places have worked since it was last called; gives the time. */
  private count(places: number): number {
    const now = this.now();
    const passed = now - this.#countedAt;
    this.#countedAt = now;
    const kept = Math.max(LEAST_KEPT, Math.exp(-passed / MEMORY_MS));
    const busy = Math.min(this.#searching, places);
    this.#work = this.#work * kept + busy * passed * recent(passed);
    this.#done *= kept;
    return now;
  }
}

/** Of what was done evenly in the last so many milliseconds, the share that is not forgotten. */
function recent(passedMs: number): number {
  const age = passedMs / MEMORY_MS;
  return age === 0 ? 1 : -Math.expm1(-age) / age;
}
