/**
 * What a node's answer means: done, refused, or no answer of a node that is well.
 */

import { faultIn, NodeTrouble, type StoreAnswer } from './nodes.js';

/** The store has refused what was asked, and would again. */
export class StoreRefusal extends Error {}

/** What nodes say that have not heard yet of what others know. */
const NOT_YET = /could not find class|no graphql provider|Cannot query field|not found in schema/i;

/** What nodes say that wait for one of them to lead, with whichever status. */
const LEADERLESS = /leader not found|failed to execute query|no leader|not the leader/i;

/**
 * @throws {StoreRefusal}
 * @throws {NodeTrouble} when another node, or the same one later, may do it.
 */
export function done({ status, json }: StoreAnswer): unknown {
  if (status < 300) return json;
  const message = faultIn(JSON.stringify(json ?? ''));
  if (LEADERLESS.test(message)) throw new NodeTrouble(`${status} ${message}`);
  throw new StoreRefusal(
    `the store ${isAboutKey(status) ? 'does not take the key' : 'refuses'}: ${status} ${message}`,
  );
}

function isAboutKey(status: number): boolean {
  return status === 401 || status === 403;
}

export function orNothing(answer: StoreAnswer): unknown {
  return answer.status === 404 ? undefined : done(answer);
}

/** @throws {NodeTrouble} also for what is no answer of GraphQL: a node that has just been started gives one. */
export function dataOf(answer: StoreAnswer): unknown {
  const { status, json } = answer;
  if (status >= 400 && !isAboutKey(status)) {
    throw new NodeTrouble(`${status} ${faultIn(JSON.stringify(json ?? ''))}`);
  }
  const { data, errors } = done(answer) as { data?: unknown; errors?: { message: string }[] };
  const [error] = errors ?? [];
  if (error === undefined) return data ?? {};
  const { message } = error;
  if (NOT_YET.test(message)) throw new NodeTrouble('it does not know the collection');
  // A message about the text of a query has some of it.
  if (message.startsWith('Syntax Error')) throw new Error('the store cannot read the query');
  throw new NodeTrouble(message.slice(0, 200));
}
