/**
 * One file from the hub into the cache: resumed where it broke off, verified before it has its name.
 */

import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { HubCache } from './cache.js';
import type { HubClient, RemoteFile } from './client.js';
import { digestsOf, matches, type Digests } from './digest.js';
import { HubError, PassingError } from './hub-error.js';
import { Retries } from './retry.js';

export interface Wanted extends RemoteFile {
  readonly repo: string;
  readonly commit: string;
  /** What the lock demands; empty while there is none. */
  readonly sha256: string;
}

/** Told how many bytes of the file are there; goes back when a download starts over. */
export type OnBytes = (present: number) => void;

/**
 * Brings `wanted` into the cache unless it is there, and returns its digests.
 *
 * What arrives is written to `<etag>.incomplete`, compared with the hub's digest and the lock's, and
 * only then renamed: a file that has its name is whole. An interrupted download goes on where it
 * stopped.
 *
 * @throws {HubError} naming the file, what was expected and what was found.
 */
export async function download(
  client: HubClient,
  cache: HubCache,
  wanted: Wanted,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<Digests> {
  const { repo, commit, path, etag, bytes } = wanted;
  const present = cache.file(repo, commit, path);
  if (!cache.has(repo, commit, path)) {
    const digests = await cache.exclusively(cache.blob(repo, etag), () =>
      bringBlob(client, cache, wanted, onBytes, signal),
    );
    await cache.link(repo, commit, path, etag);
    return digests;
  }
  const digests = await digestsOf(present);
  onBytes(bytes);
  return verified(wanted, digests, `${present}; delete it and pull again`);
}

/** The contents under their own name in the cache. */
async function bringBlob(
  client: HubClient,
  cache: HubCache,
  wanted: Wanted,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<Digests> {
  const { repo, etag, bytes } = wanted;
  const blob = cache.blob(repo, etag);
  await mkdir(dirname(blob), { recursive: true });
  const incomplete = `${blob}.incomplete`;
  if ((await sizeOf(blob)) !== undefined) {
    onBytes(bytes);
    return verified(wanted, await digestsOf(blob), `${blob}; delete it and pull again`);
  }
  await fetchInto(incomplete, client, wanted, onBytes, signal);
  const digests = await digestsOf(incomplete);
  try {
    verified(wanted, digests, 'what the hub sent; pull again to download it anew');
  } catch (error) {
    await rm(incomplete, { force: true });
    throw error;
  }
  await synced(incomplete);
  await rename(incomplete, blob);
  return digests;
}

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

/** Fills `file` up to the wanted size, in as many attempts as it takes. */
async function fetchInto(
  file: string,
  client: HubClient,
  wanted: Wanted,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const retries = new Retries(client.retryPolicy, signal);
  for (;;) {
    const before = (await sizeOf(file)) ?? 0;
    if (before > wanted.bytes) await rm(file);
    else if (before === wanted.bytes && before > 0) return;
    try {
      await attempt(file, before > wanted.bytes ? 0 : before, client, wanted, onBytes, signal);
      if (wanted.bytes === 0) return;
    } catch (error) {
      if (((await sizeOf(file)) ?? 0) > before) retries.progressed();
      await retries.failed(error);
    }
  }
}

async function attempt(
  file: string,
  from: number,
  client: HubClient,
  wanted: Wanted,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const what = `${wanted.repo}/${wanted.path}`;
  const watchdog = client.watchdog(signal);
  try {
    const response = await client.open(wanted, from, watchdog.signal);
    watchdog.alive();
    if (response.status === 416) {
      await response.body?.cancel();
      await rm(file, { force: true });
      throw new PassingError(`${what}: the hub cannot resume at byte ${from}`);
    }
    const start = response.status === 206 ? startOf(response) : 0;
    if (start !== from && start !== 0) {
      await response.body?.cancel();
      throw new PassingError(`${what}: the hub answered with other bytes than were asked for`);
    }
    requireSize(response, start, wanted, what);
    if (response.body === null) throw new PassingError(`${what}: the hub's answer is empty`);
    let present = start;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        present += chunk.length;
        watchdog.alive();
        onBytes(Math.min(present, wanted.bytes));
        const excess = present > wanted.bytes;
        done(
          excess ? new HubError(`${what}: the hub sends more than ${wanted.bytes} bytes.`) : null,
          chunk,
        );
      },
    });
    const flags = start === 0 ? 'w' : 'a';
    await pipeline(Readable.fromWeb(response.body), count, createWriteStream(file, { flags }), {
      signal: watchdog.signal,
    });
    if (present < wanted.bytes) {
      throw new PassingError(
        `${what}: the connection ended after ${present} of ${wanted.bytes} bytes`,
      );
    }
  } catch (error) {
    // An aborted stream throws its own error; the reason says more.
    throw watchdog.signal.aborted ? watchdog.signal.reason : error;
  } finally {
    watchdog.stop();
  }
}

function startOf(response: Response): number {
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  return start === undefined ? Number.NaN : Number(start);
}

/** The hub's header against its listing: a wrong one is found before gigabytes are fetched. */
function requireSize(response: Response, start: number, wanted: Wanted, what: string): void {
  const length = response.headers.get('content-length');
  if (length === null || response.headers.has('content-encoding')) return;
  const total = start + Number(length);
  if (total === wanted.bytes) return;
  void response.body?.cancel();
  throw new HubError(`${what}: expected ${wanted.bytes} bytes, but the hub announces ${total}.`);
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
