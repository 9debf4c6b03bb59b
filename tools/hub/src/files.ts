/**
 * `resolve` and its kin: where a client is told what a file is and where its bytes are.
 *
 * A plain file takes a relative redirect to `/api/resolve-cache/…` on the same origin, an LFS file an absolute
 * one to the CDN, signed. The ETag of a plain file is git's id of it; the SHA-256 of an LFS file is in
 * `X-Linked-ETag` of the redirect, and the CDN's own ETag is another hash altogether.
 */

import { commitOf } from './access.js';
import { wrongHash } from './api.js';
import type { Cdn } from './cdn.js';
import { memory } from './content.js';
import type { Exchange, Headers } from './exchange.js';
import { xetHash, type Commit, type HubFile, type Repo } from './repo.js';
import type { FileRoute } from './route.js';
import { sendContent } from './send.js';

const PLAIN = { 'Content-Type': 'text/plain; charset=utf-8' };
const XET_INFO = 'application/vnd.xet-fileinfo+json';

export interface FileOptions {
  readonly endpoint: string;
  readonly cdn: Cdn;
  /** Whether plain files are behind a redirect. */
  readonly resolveCache: boolean;
}

export async function answerFile(
  exchange: Exchange,
  route: FileRoute,
  repo: Repo,
  options: FileOptions,
): Promise<void> {
  const commit = commitOf(exchange, repo, route.revision);
  if (commit === undefined) return;
  const file = commit.files.get(route.path);
  const headers: Headers = { 'X-Repo-Commit': commit.id, 'Accept-Ranges': 'bytes' };
  if (file === undefined) exchange.error(404, 'EntryNotFound', 'Entry not found', headers);
  else if (route.endpoint === 'raw') await sendRaw(exchange, file, headers);
  else if (file.lfs !== undefined) answerLfs(exchange, repo, commit, file, options);
  else if (route.endpoint === 'resolve' && options.resolveCache) {
    redirectToCache(exchange, repo, commit, file);
  } else {
    await sendContent(exchange, file.content, { ...headers, ...PLAIN, ETag: `"${file.oid}"` });
  }
}

/** What git has: an LFS file's pointer. */
function sendRaw(exchange: Exchange, file: HubFile, headers: Headers): Promise<void> {
  const content = file.lfs === undefined ? file.content : memory(Buffer.from(file.lfs.pointer));
  return sendContent(exchange, content, { ...headers, ...PLAIN, ETag: `"${file.oid}"` });
}

function redirectToCache(exchange: Exchange, repo: Repo, commit: Commit, file: HubFile): void {
  const path = file.path.split('/').map(encodeURIComponent).join('/');
  const asked = encodeURIComponent(exchange.url.pathname);
  const etag = encodeURIComponent(`"${file.oid}"`);
  exchange.redirect(
    307,
    `/api/resolve-cache/models/${repo.id}/${commit.id}/${path}?${asked}=&etag=${etag}`,
    linked(exchange, commit, file.content.size, file.oid),
  );
}

function answerLfs(
  exchange: Exchange,
  repo: Repo,
  commit: Commit,
  file: HubFile,
  { endpoint, cdn }: FileOptions,
): void {
  const hash = file.lfs?.sha256 ?? '';
  const lie = exchange.faults.take(['wrong-sha256'], exchange.target);
  const headers = linked(exchange, commit, file.content.size, lie ? wrongHash(hash) : hash);
  const xet = repo.options.xet === true ? xetHeaders(endpoint, repo, commit, file) : {};
  const wantsXet = exchange.req.headers.accept?.includes(XET_INFO) === true;
  if (repo.options.xet === true && wantsXet) {
    const body = JSON.stringify({ hash: xetHash(file) });
    exchange.answer(200, { ...headers, ...xet, 'Content-Type': XET_INFO }, body);
  } else {
    exchange.redirect(302, cdn.sign(repo, file), { ...headers, ...xet });
  }
}

function linked(exchange: Exchange, commit: Commit, size: number, etag: string): Headers {
  const add = exchange.faults.take(['wrong-size'], exchange.target)?.add ?? 0;
  return {
    'X-Repo-Commit': commit.id,
    'Accept-Ranges': 'bytes',
    'X-Linked-Size': String(size + add),
    'X-Linked-ETag': `"${etag}"`,
  };
}

/** They lead to endpoints that this hub does not have: a client that follows them fails. */
function xetHeaders(endpoint: string, repo: Repo, commit: Commit, file: HubFile): Headers {
  const auth = `${endpoint}/api/models/${repo.id}/xet-read-token/${commit.id}`;
  const rebuild = `${endpoint}/v1/reconstructions/${xetHash(file)}`;
  return {
    'X-Xet-Hash': xetHash(file),
    Link: `<${auth}>; rel="xet-auth", <${rebuild}>; rel="xet-reconstruction-info"`,
  };
}
