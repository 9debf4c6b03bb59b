/**
 * The hub's API, as far as a download needs it.
 *
 * Listing is the official client's (`@huggingface/hub`). Contents are read here: that client neither
 * resumes nor verifies.
 */

import { listFiles, modelInfo } from '@huggingface/hub';

import { errorOf, HubError, PassingError } from './hub-error.js';
import { DEFAULT_POLICY, retry, type RetryPolicy } from './retry.js';

export interface HubOptions {
  readonly endpoint: string;
  /** Empty: anonymous. */
  readonly token: string;
  readonly retryPolicy?: RetryPolicy;
  /** A connection that brings nothing for this long is given up. */
  readonly stalledAfterMs?: number;
}

/** A file as the hub describes it. */
export interface RemoteFile {
  readonly path: string;
  readonly bytes: number;
  /** The sha256 of large files, git's blob id (sha1) of others; in hexadecimal digits. */
  readonly etag: string;
}

export interface RemoteRevision {
  /** All 40 digits. */
  readonly commit: string;
  /** An SPDX id or the hub's own word; empty where the repository states none. */
  readonly licence: string;
  readonly files: readonly RemoteFile[];
}

const STALLED_AFTER_MS = 30_000;
const COMMIT = /^[0-9a-f]{40}$/;

export class HubClient {
  readonly endpoint: string;
  readonly retryPolicy: RetryPolicy;
  readonly #token: string;
  readonly #stalledAfterMs: number;

  constructor({ endpoint, token, retryPolicy, stalledAfterMs }: HubOptions) {
    this.endpoint = endpoint.replace(/\/+$/, '');
    this.#token = token;
    this.retryPolicy = retryPolicy ?? DEFAULT_POLICY;
    this.#stalledAfterMs = stalledAfterMs ?? STALLED_AFTER_MS;
  }

  /** The commit that `revision` stands for, and its files. */
  async describe(repo: string, revision: string, signal: AbortSignal): Promise<RemoteRevision> {
    const what = `${repo} at ${revision}`;
    const shared = { hubUrl: this.endpoint, fetch: this.fetcher(what, signal) };
    return this.readable(what, async () => {
      const info = await modelInfo({
        ...shared,
        name: repo,
        revision,
        additionalFields: ['sha', 'tags'],
      });
      const commit = info.sha;
      if (!COMMIT.test(commit)) throw new HubError(`${what}: the hub named no commit.`);
      const files: RemoteFile[] = [];
      for await (const { type, path, size, oid = '', lfs } of listFiles({
        ...shared,
        repo,
        revision: commit,
        recursive: true,
      })) {
        if (type === 'file') files.push({ path, bytes: lfs?.size ?? size, etag: lfs?.oid ?? oid });
      }
      const licence = info.tags.find((tag) => tag.startsWith('license:'))?.slice('license:'.length);
      return { commit, licence: licence ?? '', files };
    });
  }

  /**
   * The contents of a file from byte `offset` on, one attempt.
   *
   * `fetch` drops the token where the hub redirects to another origin. A `file:` redirect is refused
   * by it too.
   *
   * @throws {HubError} for every status but 200, 206 and 416.
   */
  async open(
    { repo, commit, path }: { repo: string; commit: string; path: string },
    offset: number,
    signal: AbortSignal,
  ): Promise<Response> {
    const url = `${this.endpoint}/${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
    const headers = this.authorized({ 'accept-encoding': 'identity' });
    if (offset > 0) headers.set('range', `bytes=${offset}-`);
    const response = await fetch(url, { headers, signal });
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    throw errorOf(response, `${repo}/${path}`, this.endpoint);
  }

  /** Ends with `signal`, or when `alive` was not called for too long. */
  watchdog(signal: AbortSignal): { signal: AbortSignal; alive: () => void; stop: () => void } {
    const stalled = new AbortController();
    const seconds = this.#stalledAfterMs / 1000;
    const timer = setTimeout(() => {
      stalled.abort(new PassingError(`the hub sent nothing for ${seconds} s`));
    }, this.#stalledAfterMs);
    return {
      signal: AbortSignal.any([signal, stalled.signal]),
      alive: () => timer.refresh(),
      stop: () => {
        clearTimeout(timer);
      },
    };
  }

  /** A `fetch` that tries again, and throws what an answer stands for unless it is a good one. */
  private fetcher(what: string, signal: AbortSignal): typeof fetch {
    return (input, init) =>
      retry(
        what,
        async () => {
          const watchdog = this.watchdog(signal);
          try {
            const headers = this.authorized(init?.headers);
            const response = await fetch(input, { ...init, headers, signal: watchdog.signal });
            if (!response.ok) throw errorOf(response, what, this.endpoint);
            // The client parses it at once; what does not arrive in full is tried again.
            return new Response(await response.text(), response);
          } finally {
            watchdog.stop();
          }
        },
        this.retryPolicy,
        signal,
      );
  }

  /** Here and not by the client's own option, which takes tokens of one form only. */
  private authorized(init: RequestInit['headers']): Headers {
    const headers = new Headers(init);
    if (this.#token !== '') headers.set('authorization', `Bearer ${this.#token}`);
    return headers;
  }

  /** An answer that cannot be read is the hub's fault, not ours. */
  private async readable<T>(what: string, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
      throw new HubError(`${what}: ${this.endpoint} does not answer as a model hub does.`);
    }
  }
}
