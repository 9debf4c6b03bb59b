/**
 * What a pointer remembers, in a folder or a store: those that were served before, and which of them a rollback took back.
 */

import type { Named, Pointer, ServedBefore } from './index-directory.js';
import type { Listed } from './publisher.js';

/** What a rollback serves: the last one before that was not rolled back from itself. */
export function lastOf(pointer: Pick<Pointer, 'previous'> | undefined): Named | undefined {
  const last = pointer?.previous.find(({ withdrawn }) => withdrawn !== true);
  return last && { generation: last.generation, manifest: last.manifest };
}

/** What was served before `last` that is served again, the one that it takes the place of among them. */
export function withdrawn(
  { generation, manifest, previous }: Pointer,
  last: Named,
): ServedBefore[] {
  const others = previous.filter((named) => named.manifest !== last.manifest);
  return [{ generation, manifest, withdrawn: true }, ...others];
}

/** `at`: the place in what is served and was before, the first of which is served. */
export function stateOf(published: readonly ServedBefore[], at: number): Listed['state'] {
  if (at === 0) return 'served';
  const named = published[at];
  if (named === undefined) return 'unpublished';
  return named.withdrawn === true ? 'withdrawn' : 'before';
}
