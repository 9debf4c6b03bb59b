/**
 * One file from the hub into the cache: resumed where it broke off, verified before it has its name.
 */

import { createWriteStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { HubCache } from './cache.js';
import type { HubClient, RemoteFile } from './client.js';
import { digestsOf, matches, type Digests } from './digest.js';
import { HubError, PassingError } from './hub-error.js';
import { partialOf, takeOver } from './partial.js';
import { Retries } from './retry.js';

export interface Wanted extends RemoteFile {
  readonly repo: string;
  readonly commit: string;
  /** What the lock demands; empty while there is none. */
  readonly sha256: string;
}

/** Told how many bytes of the file are there; goes back when a download starts over. */
export type OnBytes = (present: number) => void;

export interface Watched {
  readonly onBytes: OnBytes;
  /** Told who is waited for. */
  readonly onWait: (who: string) => void;
}

/**
 * Brings `wanted` into the cache unless it is there, and returns its digests.
 *
 * What arrives is written to a file of this process, compared with the hub's digest and the lock's, and
 * only then renamed: a file that has its name is whole. An interrupted download goes on where it
 * stopped, whoever began it; one that another process is at is waited for.
 *
 * @throws {HubError} naming the file, what was expected and what was found.
 */
export async function download(
  client: HubClient,
  cache: HubCache,
  wanted: Wanted,
  { onBytes, onWait }: Watched,
  signal: AbortSignal,
): Promise<Digests> {
  const { repo, commit, path, etag, bytes } = wanted;
  if (cache.has(repo, commit, path)) {
    const present = cache.file(repo, commit, path);
    const digests = await digestsOf(present);
    onBytes(bytes);
    return verified(wanted, digests, `${present}; delete it and pull again`);
  }
  const blob = cache.blob(repo, etag);
  const digests = await cache.exclusively(
    blob,
    (mine) => new Download(client, wanted, blob, onBytes, mine).run(),
    signal,
    onWait,
  );
  await cache.link(repo, commit, path, etag);
  return digests;
}

/** The way of one file's contents from the hub to `blob`. */
class Download {
  readonly #what: string;
  readonly #incomplete: string;

  constructor(
    private readonly client: HubClient,
    private readonly wanted: Wanted,
    private readonly blob: string,
    private readonly onBytes: OnBytes,
    private readonly signal: AbortSignal,
  ) {
    this.#what = `${wanted.repo}/${wanted.path}`;
    this.#incomplete = partialOf(blob);
  }

  async run(): Promise<Digests> {
    const { wanted, blob } = this;
    if ((await sizeOf(blob)) !== undefined) {
      this.onBytes(wanted.bytes);
      return verified(wanted, await digestsOf(blob), `${blob}; delete it and pull again`);
    }
    const isOthers = await takeOver(blob);
    const digests = await this.fetched(isOthers);
    await synced(this.#incomplete);
    await rename(this.#incomplete, blob);
    return digests;
  }

  /** `isOthers`: another process has begun it. What is wrong then need not be the hub's fault, and it starts over. */
  private async fetched(isOthers: boolean): Promise<Digests> {
    await this.fetch();
    const digests = await digestsOf(this.#incomplete);
    try {
      return verified(this.wanted, digests, 'what the hub sent; pull again to download it anew');
    } catch (error) {
      await rm(this.#incomplete, { force: true });
      if (isOthers) return this.fetched(false);
      throw error;
    }
  }

  /** Fills the file up to the wanted size, in as many attempts as it takes. */
  private async fetch(): Promise<void> {
    const { bytes } = this.wanted;
    const retries = new Retries(this.#what, this.client.retryPolicy, this.signal);
    for (;;) {
      const present = (await sizeOf(this.#incomplete)) ?? 0;
      if (present === bytes && present > 0) return;
      const from = present < bytes ? present : 0;
      try {
        await this.attempt(from);
        return;
      } catch (error) {
        if (((await sizeOf(this.#incomplete)) ?? 0) > from) retries.progressed();
        await retries.failed(error);
      }
    }
  }

  private async attempt(from: number): Promise<void> {
    const watchdog = this.client.watchdog(this.signal);
    try {
      const response = await this.client.open(this.wanted, from, watchdog.signal);
      watchdog.alive();
      if (response.status === 416) await rm(this.#incomplete, { force: true });
      const start = await this.startOf(response, from);
      await this.write(response, start, watchdog);
    } catch (error) {
      // An aborted stream throws its own error; the reason says more.
      throw watchdog.signal.aborted ? watchdog.signal.reason : error;
    } finally {
      watchdog.stop();
    }
  }

  /** The first byte of an answer to a request from `from` on; refuses what cannot be its file. */
  private async startOf(response: Response, from: number): Promise<number> {
    const { status, headers, body } = response;
    const start = status === 206 ? firstByte(headers.get('content-range')) : 0;
    const length = headers.get('content-length');
    const announced = length === null ? this.wanted.bytes : start + Number(length);
    const fault =
      status === 416
        ? new PassingError(`${this.#what}: the hub cannot resume at byte ${from}`)
        : start !== from && start !== 0
          ? new PassingError(`${this.#what}: the hub answered with other bytes than were asked for`)
          : announced !== this.wanted.bytes
            ? this.wrongSize(announced)
            : undefined;
    if (fault === undefined) return start;
    await body?.cancel();
    throw fault;
  }

  private async write(
    { body }: Response,
    start: number,
    watchdog: ReturnType<HubClient['watchdog']>,
  ): Promise<void> {
    const { bytes } = this.wanted;
    let present = start;
    const count = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        present += chunk.length;
        watchdog.alive();
        this.onBytes(Math.min(present, bytes));
        done(present > bytes ? this.wrongSize(present) : null, chunk);
      },
    });
    const file = createWriteStream(this.#incomplete, { flags: start === 0 ? 'w' : 'a' });
    const closed = new Promise<void>((resolve) => file.once('close', resolve));
    const source = body === null ? Readable.from([]) : Readable.fromWeb(body);
    try {
      await pipeline(source, count, file, { signal: watchdog.signal });
    } finally {
      // A pipeline that fails does not wait for a write under way, which would land behind the size that is read next.
      await closed;
    }
    if (present < bytes) {
      throw new PassingError(
        `${this.#what}: the connection ended after ${present} of ${bytes} bytes`,
      );
    }
  }

  private wrongSize(found: number): HubError {
    const { bytes } = this.wanted;
    return new HubError(`${this.#what}: expected ${bytes} bytes, but the hub announces ${found}.`);
  }
}

/** @throws {HubError} unless the digests are those that the hub and the lock state. */
function verified(wanted: Wanted, digests: Digests, where: string): Digests {
  const { repo, path, bytes, etag, sha256 } = wanted;
  const mismatch = (what: string, expected: string | number, found: string | number) =>
    new HubError(`${repo}/${path}: expected ${what} ${expected}, found ${found} in ${where}.`);
  if (digests.bytes !== bytes) throw mismatch('a size of', bytes, digests.bytes);
  if (sha256 !== '' && digests.sha256 !== sha256) {
    throw mismatch('the sha256', sha256, digests.sha256);
  }
  if (!matches(etag, digests)) {
    const found = etag.length === digests.sha256.length ? digests.sha256 : digests.gitBlob;
    throw mismatch('the digest', etag, found);
  }
  return digests;
}

/** Of `Content-Range: bytes 100-199/200`. */
function firstByte(contentRange: string | null): number {
  const first = /^bytes (\d+)-/.exec(contentRange ?? '')?.[1];
  return first === undefined ? Number.NaN : Number(first);
}

async function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function synced(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.sync();
  await handle.close();
}
