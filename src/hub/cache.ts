/**
 * The hub's cache folder, laid out as `huggingface_hub` does it, so that both share downloads:
 *
 * ```
 * models--<owner>--<name>/blobs/<etag>                    the contents
 *                         blobs/<etag>.lock               who fetches them
 *                         snapshots/<commit>/<path>       links to them
 *                         refs/<revision>                 the commit a name stood for
 * ```
 *
 * Several processes may share it, also of several machines.
 */

import { existsSync, mkdirSync } from 'node:fs';
import { mkdir, rename, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import { getHFHubCachePath, getRepoFolderName } from '@huggingface/hub';

import { Lease, type LeaseTimes } from '../files/lease.js';
import type { Owner } from '../files/lock.js';
import { replaceFile, temporaryName } from '../files/replace-file.js';
import { StartError } from '../start-error.js';

/**
 * `HF_HUB_CACHE`, `HF_HOME/hub`, or `~/.cache/huggingface/hub`.
 *
 * @throws {StartError} where none is set, and there is no home.
 */
function cacheFolder(): string {
  try {
    return getHFHubCachePath();
  } catch {
    // A user without an entry in passwd, and without HOME.
    throw new StartError([
      "There is no home folder for the hub's cache; set HF_HUB_CACHE or HF_HOME to a folder, or HOME.",
    ]);
  }
}

export class HubCache {
  #folder: string | undefined;

  /** `folder` is looked up when it is needed: models of one's own need no cache. */
  constructor(
    folder?: string,
    private readonly leaseTimes?: LeaseTimes,
  ) {
    this.#folder = folder;
  }

  get folder(): string {
    return (this.#folder ??= cacheFolder());
  }

  /** @throws {StartError} where there is no folder for it, before anything is asked of the hub. */
  requireFolder(): void {
    this.#folder ??= cacheFolder();
  }

  /**
   * Runs `work` while no other process works on `blob`; files with the same contents share theirs. Where it is taken from
   * this one, which stood still for too long, what failed by that is not told: it is waited for, and `work` runs again.
   *
   * @param onWait - told once who is waited for.
   */
  async exclusively<T>(
    blob: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
    onWait: (who: string) => void,
  ): Promise<T> {
    await mkdir(dirname(blob), { recursive: true });
    const told = ({ pid, machine }: Owner) => {
      onWait(`process ${pid} of ${machine}`);
    };
    for (;;) {
      const lease = await Lease.take(`${blob}.lock`, signal, told, this.leaseTimes);
      try {
        return await work(AbortSignal.any([signal, lease.lost]));
      } catch (error) {
        if (lease.isOurs) throw error;
      } finally {
        lease.release();
      }
    }
  }

  snapshot(repo: string, commit: string): string {
    return join(this.repoFolder(repo), 'snapshots', commit);
  }

  /** Where a file of a commit is found, once it is whole. */
  file(repo: string, commit: string, path: string): string {
    return join(this.snapshot(repo, commit), path);
  }

  blob(repo: string, etag: string): string {
    return join(this.repoFolder(repo), 'blobs', etag);
  }

  /** Makes the contents `etag` appear as `path` of `commit`. */
  async link(repo: string, commit: string, path: string, etag: string): Promise<void> {
    const file = this.file(repo, commit, path);
    await mkdir(dirname(file), { recursive: true });
    const fresh = temporaryName(file);
    await symlink(relative(dirname(file), this.blob(repo, etag)), fresh);
    await rename(fresh, file);
  }

  /** Remembers what a short id or a branch stood for, for other users of the cache. */
  remember(repo: string, revision: string, commit: string): void {
    if (revision === commit) return;
    const ref = join(this.repoFolder(repo), 'refs', revision);
    mkdirSync(dirname(ref), { recursive: true });
    replaceFile(ref, commit);
  }

  has(repo: string, commit: string, path: string): boolean {
    return existsSync(this.file(repo, commit, path));
  }

  private repoFolder(repo: string): string {
    return join(this.folder, getRepoFolderName({ type: 'model', name: repo }));
  }
}
