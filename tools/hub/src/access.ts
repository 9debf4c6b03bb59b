/**
 * Who may read what, and the hub's answers to those who may not.
 *
 * The hub does not tell a stranger whether a repository exists: without a token an unknown and a private one
 * are the same 401, with a token the same 404. Of a gated repository everybody may read the metadata.
 */

import type { Exchange } from './exchange.js';
import type { Commit, Repo } from './repo.js';

const REALM = { 'WWW-Authenticate': 'Bearer realm="Authentication required", charset="UTF-8"' };

/** False where the request carries a token that nobody has; it is answered then. */
export function knownToken(exchange: Exchange, tokens: ReadonlySet<string>): boolean {
  const { authorization } = exchange.req.headers;
  if (authorization === undefined || tokens.has(exchange.token ?? '')) return true;
  exchange.error(401, undefined, 'Invalid credentials in Authorization header', REALM);
  return false;
}

export function refuseStranger(exchange: Exchange): void {
  exchange.error(401, undefined, 'Invalid username or password.', REALM);
}

/** The repository where the request may know of it; else undefined, and it is answered. */
export function visible(exchange: Exchange, repo: Repo | undefined): Repo | undefined {
  if (repo !== undefined && (repo.options.private !== true || mayRead(exchange, repo))) return repo;
  if (exchange.token === undefined) refuseStranger(exchange);
  else exchange.error(404, 'RepoNotFound', 'Repository not found');
  return undefined;
}

/** False where the files of a gated repository are not for this request; it is answered then. */
export function admitted(exchange: Exchange, repo: Repo): boolean {
  if (repo.options.gated === undefined || mayRead(exchange, repo)) return true;
  const restricted = `Access to model ${repo.id} is restricted`;
  if (exchange.token === undefined) {
    const message = `${restricted}. You must have access to it and be authenticated to access it. Please log in.`;
    exchange.error(401, 'GatedRepo', message, REALM);
  } else {
    const message = `${restricted} and you are not in the authorized list. Visit the model's page to ask for access.`;
    exchange.error(403, 'GatedRepo', message);
  }
  return false;
}

/** The commit of a revision; undefined where there is none, and the request is answered. */
export function commitOf(exchange: Exchange, repo: Repo, revision: string): Commit | undefined {
  const commit = repo.commitAt(revision);
  if (commit === undefined) {
    exchange.error(404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
  }
  return commit;
}

function mayRead({ token }: Exchange, { options }: Repo): boolean {
  return token !== undefined && (options.readers?.includes(token) ?? true);
}
