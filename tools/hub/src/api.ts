/**
 * The JSON endpoints below `/api/models`.
 */

import { commitOf } from './access.js';
import { memory } from './content.js';
import type { Exchange, Headers } from './exchange.js';
import { xetHash, type Commit, type HubFile, type Repo } from './repo.js';
import type { RepoRoute } from './route.js';
import { sendBody } from './send.js';

type Json = Readonly<Record<string, unknown>>;

/** What the hub says of a file, after the faults about sizes and hashes. */
interface Described {
  readonly size: number;
  readonly sha256: string | undefined;
}

export interface ApiOptions {
  /** `http://127.0.0.1:port`, for the links between pages. */
  readonly endpoint: string;
  /** Entries of a tree per answer. */
  readonly pageSize: number;
}

export async function answerApi(
  exchange: Exchange,
  route: RepoRoute,
  repo: Repo,
  options: ApiOptions,
): Promise<void> {
  if (route.endpoint === 'refs') {
    await sendJson(exchange, refs(exchange, repo));
    return;
  }
  const commit = commitOf(exchange, repo, route.revision);
  if (commit === undefined) return;
  if (route.endpoint === 'info') await sendJson(exchange, info(exchange, repo, commit));
  else if (route.endpoint === 'tree') await sendTree(exchange, route, repo, commit, options);
  else await sendPathsInfo(exchange, repo, commit);
}

/** Sends JSON; cuts and stalls spoil it like a file. */
export async function sendJson(
  exchange: Exchange,
  value: unknown,
  headers: Headers = {},
): Promise<void> {
  const content = memory(Buffer.from(JSON.stringify(value)));
  const type = { 'Content-Type': 'application/json; charset=utf-8' };
  exchange.head(200, { ...headers, ...type, 'Content-Length': String(content.size) });
  await sendBody(exchange, content, { start: 0, end: content.size });
}

function info(exchange: Exchange, repo: Repo, commit: Commit): Json {
  const { license, tags = [], gated = false } = repo.options;
  const query = exchange.url.searchParams;
  const files = [...commit.files.values()];
  const everything: Json = {
    _id: repo.objectId,
    id: repo.id,
    modelId: repo.id,
    author: repo.id.split('/')[0],
    sha: commit.id,
    private: repo.options.private ?? false,
    gated,
    disabled: false,
    downloads: 0,
    likes: 0,
    createdAt: commit.date.toISOString(),
    lastModified: commit.date.toISOString(),
    pipeline_tag: 'text-classification',
    library_name: 'transformers',
    tags: [...tags, ...(license === undefined ? [] : [`license:${license}`])],
    ...(license !== undefined && { cardData: { license } }),
    siblings: files.map((file) => sibling(exchange, repo, file, query.get('blobs') === 'true')),
  };
  const expand = [...query.getAll('expand'), ...query.getAll('expand[]')];
  if (expand.length === 0) return everything;
  return Object.fromEntries(
    ['_id', 'id', ...expand]
      .filter((key) => key in everything)
      .map((key) => [key, everything[key]]),
  );
}

function sibling(exchange: Exchange, repo: Repo, file: HubFile, blobs: boolean): Json {
  const rfilename = file.path;
  if (!blobs) return { rfilename };
  const { size, sha256 } = describe(exchange, repo, file);
  const lfs = file.lfs && { sha256, size, pointerSize: Buffer.byteLength(file.lfs.pointer) };
  return { rfilename, size, blobId: file.oid, ...(lfs && { lfs }) };
}

function describe(exchange: Exchange, repo: Repo, file: HubFile): Described {
  const target = { ...exchange.target, subject: `${repo.id}/${file.path}` };
  const add = exchange.faults.take(['wrong-size'], target)?.add ?? 0;
  const lie = file.lfs && exchange.faults.take(['wrong-sha256'], target);
  return {
    size: file.content.size + add,
    sha256: lie ? wrongHash(file.lfs.sha256) : file.lfs?.sha256,
  };
}

/** Another hash, the same every time. */
export function wrongHash(sha256: string): string {
  return Buffer.from(sha256, 'hex').reverse().toString('hex');
}

function fileEntry(exchange: Exchange, repo: Repo, file: HubFile, expand: boolean): Json {
  const { size, sha256 } = describe(exchange, repo, file);
  const last = repo.lastCommit(file);
  return {
    type: 'file',
    oid: file.oid,
    size,
    ...(file.lfs && {
      lfs: { oid: sha256, size, pointerSize: Buffer.byteLength(file.lfs.pointer) },
      ...(repo.options.xet === true && { xetHash: xetHash(file) }),
    }),
    path: file.path,
    ...(expand && {
      lastCommit: { id: last?.id, title: last?.title, date: last?.date.toISOString() },
      securityFileStatus: { status: 'safe', avScan: null, pickleImportScan: null },
    }),
  };
}

async function sendTree(
  exchange: Exchange,
  route: RepoRoute,
  repo: Repo,
  commit: Commit,
  { endpoint, pageSize }: ApiOptions,
): Promise<void> {
  const { searchParams: query, pathname } = exchange.url;
  const prefix = route.path === '' ? '' : `${route.path}/`;
  const below = [...commit.files.keys()].filter((path) => path.startsWith(prefix));
  if (below.length === 0 && prefix !== '') {
    const message = `${route.path} does not exist on "${route.revision}"`;
    exchange.error(404, 'EntryNotFound', message);
    return;
  }
  const recursive = /^(true|1)$/i.test(query.get('recursive') ?? '');
  const expand = /^(true|1)$/i.test(query.get('expand') ?? '');
  const paths = [...foldersOf(below, prefix), ...below].filter(
    (path) => recursive || !path.slice(prefix.length).includes('/'),
  );
  const from = Number(query.get('cursor') ?? 0);
  const size = Math.min(Number(query.get('limit') ?? pageSize), pageSize);
  const entries = paths.slice(from, from + size).map((path) => {
    const file = commit.files.get(path);
    return file === undefined ? folderEntry(path) : fileEntry(exchange, repo, file, expand);
  });
  const next = new URLSearchParams(query);
  next.set('cursor', String(from + size));
  const more = from + size < paths.length;
  await sendJson(exchange, entries, {
    ...(more && { Link: `<${endpoint}${pathname}?${next.toString()}>; rel="next"` }),
  });
}

function foldersOf(paths: readonly string[], prefix: string): readonly string[] {
  const folders = new Set<string>();
  for (const path of paths) {
    const parts = path.slice(prefix.length).split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      folders.add(prefix + parts.slice(0, depth).join('/'));
    }
  }
  return [...folders].sort();
}

function folderEntry(path: string): Json {
  return {
    type: 'directory',
    oid: Buffer.from(path).toString('hex').padEnd(40, '0').slice(0, 40),
    size: 0,
    path,
  };
}

/** Of the paths that were asked for, those that exist: a missing one is left out without an error. */
async function sendPathsInfo(exchange: Exchange, repo: Repo, commit: Commit): Promise<void> {
  const { paths, expand } = await pathsOf(exchange);
  const folders = foldersOf([...commit.files.keys()], '');
  const entries = paths.flatMap((asked) => {
    const path = asked.replace(/\/$/, '');
    const file = commit.files.get(path);
    if (file !== undefined) return [fileEntry(exchange, repo, file, expand)];
    return folders.includes(path) ? [folderEntry(path)] : [];
  });
  await sendJson(exchange, entries);
}

/** JSON from JavaScript's client, a form from Python's. */
async function pathsOf({ req }: Exchange): Promise<{ paths: readonly string[]; expand: boolean }> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  if (!(req.headers['content-type'] ?? '').includes('json')) {
    const form = new URLSearchParams(body);
    return { paths: form.getAll('paths'), expand: /^true$/i.test(form.get('expand') ?? '') };
  }
  const json = JSON.parse(body) as { paths?: string[]; expand?: boolean };
  return { paths: json.paths ?? [], expand: json.expand ?? false };
}

function refs(exchange: Exchange, repo: Repo): Json {
  const all = [...repo.refs].map(([name, { id }]) => ({ name, targetCommit: id }));
  const pulls = all.filter(({ name }) => name.startsWith('refs/'));
  return {
    tags: [],
    branches: all
      .filter(({ name }) => !name.startsWith('refs/'))
      .map(({ name, targetCommit }) => ({ name, ref: `refs/heads/${name}`, targetCommit })),
    converts: [],
    ...(exchange.url.searchParams.has('include_prs') && {
      pullRequests: pulls.map(({ name, targetCommit }) => ({ name, ref: name, targetCommit })),
    }),
  };
}
