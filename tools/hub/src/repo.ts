/**
 * What the hub stores: repositories, their commits, the files of a commit, and how a revision names one.
 */

import { createHash } from 'node:crypto';

import {
  gitBlobId,
  memory,
  openContent,
  sha256,
  type Content,
  type FileSource,
} from './content.js';

export interface CommitOptions {
  /** Every file of the commit by its path; nothing is inherited from the commit before. */
  readonly files: Readonly<Record<string, FileSource>>;
  /** The branch or pull request that moves to the commit; `main` by default, null for none. */
  readonly ref?: string | null;
  /** 40 hex digits; made from the contents by default. */
  readonly id?: string;
  readonly title?: string;
}

export interface RepoOptions extends CommitOptions {
  /** `owner/name` */
  readonly repo: string;
  readonly license?: string;
  readonly tags?: readonly string[];
  readonly private?: boolean;
  readonly gated?: 'auto' | 'manual';
  /** Tokens that may read a private or gated repository; every valid token by default. */
  readonly readers?: readonly string[];
  /** Which files are LFS; by default what the hub's usual `.gitattributes` says, and files above 10 MB. */
  readonly lfs?: (path: string, size: number) => boolean;
  /** Announces LFS files as stored in Xet too, with the headers that make clients switch to it. */
  readonly xet?: boolean;
}

export interface HubFile {
  readonly path: string;
  readonly content: Content;
  /** git's id of the file, or of the pointer that stands for it in git. */
  readonly oid: string;
  readonly lfs?: { readonly sha256: string; readonly pointer: string };
}

export interface Commit {
  readonly id: string;
  readonly title: string;
  readonly date: Date;
  readonly files: ReadonlyMap<string, HubFile>;
}

const LFS_NAMES =
  /\.(7z|bin|ckpt|gguf|gz|h5|model|msgpack|npy|npz|onnx|ot|parquet|pb|pickle|pkl|pt|pth|safetensors|tar|tflite|zip)$/;
const LFS_SIZE = 10_000_000;

function usuallyLfs(path: string, size: number): boolean {
  return LFS_NAMES.test(path) || size > LFS_SIZE;
}

export class Repo {
  readonly id: string;
  readonly options: RepoOptions;
  /** The hub's own key of the repository: 24 hex digits. */
  readonly objectId: string;
  readonly refs = new Map<string, Commit>();
  readonly #commits: Commit[] = [];

  constructor(options: RepoOptions) {
    this.id = options.repo;
    this.options = options;
    this.objectId = digest(this.id).slice(0, 24);
  }

  async commit(options: CommitOptions): Promise<Commit> {
    const { ref = 'main', title = 'Upload files' } = options;
    const files = new Map<string, HubFile>();
    const isLfs = this.options.lfs ?? usuallyLfs;
    for (const path of Object.keys(options.files).sort()) {
      files.set(path, await hubFile(path, options.files[path] ?? '', isLfs));
    }
    const oids = [...files].map(([path, { oid }]) => `${path} ${oid}`);
    const id = options.id ?? digest([this.id, ref ?? '', this.#commits.length, ...oids].join('\n'));
    // A fixed clock, one minute per commit: what the hub says is the same in every run.
    const date = new Date(Date.UTC(2026, 0, 1, 0, this.#commits.length));
    const commit = { id, title, date, files };
    this.#commits.push(commit);
    if (ref !== null) this.refs.set(ref, commit);
    return commit;
  }

  /** The commit that a branch, a pull request, a commit id or the first 7 digits or more of one names. */
  commitAt(revision: string): Commit | undefined {
    const ref = this.refs.get(revision === 'HEAD' ? 'main' : revision);
    if (ref !== undefined || !/^[0-9a-f]{7,40}$/.test(revision)) return ref;
    const found = this.#commits.filter(({ id }) => id.startsWith(revision));
    return found.length === 1 ? found[0] : undefined;
  }

  /** The commit that brought this version of a file. */
  lastCommit(file: HubFile): Commit | undefined {
    return this.#commits.find(({ files }) => files.get(file.path)?.oid === file.oid);
  }
}

async function hubFile(
  path: string,
  source: FileSource,
  isLfs: (path: string, size: number) => boolean,
): Promise<HubFile> {
  const content = await openContent(source);
  if (!isLfs(path, content.size)) return { path, content, oid: await gitBlobId(content) };
  const hash = await sha256(content);
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${hash}\nsize ${content.size}\n`;
  const oid = await gitBlobId(memory(Buffer.from(pointer)));
  return { path, content, oid, lfs: { sha256: hash, pointer } };
}

/** The key under which the CDN keeps an LFS file: 64 hex digits, and not its SHA-256. */
export function xetHash(file: HubFile): string {
  return createHash('sha256')
    .update(`xet ${file.lfs?.sha256 ?? file.oid}`)
    .digest('hex');
}

function digest(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
