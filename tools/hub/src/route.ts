/**
 * Which of the hub's endpoints a URL names.
 */

export interface FileRoute {
  readonly endpoint: 'raw' | 'resolve' | 'resolve-cache';
  readonly repo: string;
  readonly revision: string;
  readonly path: string;
}

export interface RepoRoute {
  readonly endpoint: 'info' | 'paths-info' | 'refs' | 'tree';
  readonly repo: string;
  readonly revision: string;
  /** The folder of a tree. */
  readonly path: string;
}

export type Route = FileRoute | RepoRoute | { readonly endpoint: 'whoami' };

/** The route of a URL's path as it was sent; undefined where the hub has nothing. */
export function routeOf(pathname: string): Route | undefined {
  const parts = decoded(pathname);
  if (parts === undefined) return undefined;
  if (parts[0] !== 'api') return fileRoute(parts);
  if (parts[1] === 'whoami-v2' && parts.length === 2) return { endpoint: 'whoami' };
  if (parts[1] === 'resolve-cache' && parts[2] === 'models') {
    const [owner = '', name = '', revision = '', ...path] = parts.slice(3);
    return { endpoint: 'resolve-cache', repo: `${owner}/${name}`, revision, path: path.join('/') };
  }
  return parts[1] === 'models' && parts.length >= 4 ? repoRoute(parts.slice(2)) : undefined;
}

function fileRoute(parts: readonly string[]): FileRoute | undefined {
  const [owner = '', name = '', endpoint, ...rest] = parts;
  if (endpoint !== 'resolve' && endpoint !== 'raw') return undefined;
  const { revision, path } = revisionAndPath(rest);
  return path === '' ? undefined : { endpoint, repo: `${owner}/${name}`, revision, path };
}

function repoRoute(parts: readonly string[]): RepoRoute | undefined {
  const [owner = '', name = '', endpoint, ...rest] = parts;
  const repo = `${owner}/${name}`;
  const { revision, path } = revisionAndPath(rest);
  switch (endpoint) {
    case undefined:
      return { endpoint: 'info', repo, revision: 'HEAD', path };
    case 'revision':
      return { endpoint: 'info', repo, revision, path };
    case 'paths-info':
    case 'refs':
    case 'tree':
      return { endpoint, repo, revision, path };
    default:
      return undefined;
  }
}

/** A pull request is `refs%2Fpr%2F1`, but some clients write its slashes as they are. */
function revisionAndPath(parts: readonly string[]): { revision: string; path: string } {
  const length = parts[0] === 'refs' && parts.length >= 3 ? 3 : 1;
  return { revision: parts.slice(0, length).join('/'), path: parts.slice(length).join('/') };
}

function decoded(pathname: string): readonly string[] | undefined {
  try {
    return pathname.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
