/**
 * Repositories from a folder: `<folder>/<owner>/<name>/…` is `main`, and `<folder>/<owner>/<name>@<which>/…`
 * another commit. `<which>` is the commit's id, or a ref with its slashes encoded, such as `refs%2Fpr%2F1`.
 * Links are followed, so a folder may be a view of files that are elsewhere.
 */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { FileSource } from './content.js';
import type { TestHub } from './hub.js';
import type { CommitOptions } from './repo.js';

/** Adds every repository of the folder; hashes every file, which takes seconds per gigabyte. */
export async function addFolder(hub: TestHub, folder: string): Promise<readonly string[]> {
  const repos: string[] = [];
  for (const owner of await foldersIn(folder)) {
    const names = await foldersIn(join(folder, owner));
    for (const name of new Set(names.map((entry) => entry.replace(/@.*$/, '')))) {
      const repo = `${owner}/${name}`;
      const commits = names.filter((entry) => entry === name || entry.startsWith(`${name}@`));
      for (const [at, entry] of commits.entries()) {
        const files = await filesIn(join(folder, owner, entry));
        const commit = { files, ...naming(entry) };
        if (at === 0) await hub.addRepo({ ...commit, ref: 'main', repo });
        else await hub.addCommit(repo, commit);
      }
      repos.push(repo);
    }
  }
  return repos;
}

/** The id or the ref that a folder's name gives to its commit. */
function naming(entry: string): Omit<CommitOptions, 'files'> {
  const which = entry.split('@')[1];
  if (which === undefined) return {};
  return /^[0-9a-f]{40}$/.test(which)
    ? { id: which, ref: null }
    : { ref: decodeURIComponent(which) };
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).sort();
  const kinds = await Promise.all(names.map((name) => stat(join(folder, name))));
  return names.filter((name, at) => kinds[at]?.isDirectory() === true && !name.startsWith('.'));
}

async function filesIn(folder: string, prefix = ''): Promise<Readonly<Record<string, FileSource>>> {
  const files: Record<string, FileSource> = {};
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    if (!(await stat(file)).isDirectory()) files[prefix + name] = { file };
    else if (!name.startsWith('.')) Object.assign(files, await filesIn(file, `${prefix}${name}/`));
  }
  return files;
}
