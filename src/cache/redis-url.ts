/**
 * Where Redis is, from one URL: a server, Sentinels that know the server, or a cluster.
 *
 * `redis://user:word@host:6379/0`, `redis+sentinel://host:26379,host:26379/name/0`, `redis+cluster://host,host`; with
 * `rediss` the connections are encrypted.
 */

import { isIPv6 } from 'node:net';

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

export interface RedisPlace {
  readonly kind: 'server' | 'sentinel' | 'cluster';
  readonly nodes: readonly RedisNode[];
  readonly isEncrypted: boolean;
  readonly username: string;
  readonly password: string;
  /** What Sentinels call the server. */
  readonly name: string;
  readonly database: number;
}

const URL_FORM =
  /^redis(?<tls>s?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<word>[^@/]*))?@)?(?<nodes>[^@/]+)(?:\/(?<path>.*))?$/;
/** What a name of the network may have; more than that would be part of a URL that is not understood. */
const HOST = /^(?:\[(?<six>[^\]]+)\]|(?<host>[\p{L}\p{N}._-]+))(?::(?<port>\d{1,5}))?$/u;
/** What Sentinels take for a server's name. */
const SERVER_NAME = /^[\w.-]+$/;
const PORTS = { server: 6379, cluster: 6379, sentinel: 26_379 } as const;

/**
 * What `url` says; `password` wins over its own.
 *
 * @throws {Error} telling what is wrong, without the password.
 */
export function placeOf(url: string, password: string): RedisPlace {
  const parts = URL_FORM.exec(url)?.groups;
  if (parts === undefined) throw new Error('is not a URL of Redis');
  refuseMore(`${parts.nodes}/${parts.path ?? ''}`);
  const kind = (parts.kind ?? 'server') as RedisPlace['kind'];
  const nodes = (parts.nodes ?? '').split(',').map((node) => nodeOf(node, PORTS[kind]));
  const path = (parts.path ?? '').split('/').filter((part) => part !== '');
  const name = kind === 'sentinel' ? path.shift() : '';
  if (name === undefined) throw new Error('lacks the name that Sentinels know the server by');
  if (kind === 'sentinel' && !SERVER_NAME.test(name)) {
    throw new Error(
      'calls the server something that Sentinels do not; its name has letters, digits, ".", "_" and "-"',
    );
  }
  const [database = '0', ...more] = path;
  if (!/^\d{1,4}$/.test(database) || more.length > 0) {
    throw new Error('ends with something else than a database, such as /0');
  }
  if (kind === 'cluster' && database !== '0') throw new Error('names a database of a cluster');
  if (kind === 'server' && nodes.length > 1) {
    throw new Error('names several servers; redis+sentinel or redis+cluster takes them');
  }
  return {
    kind,
    nodes,
    isEncrypted: parts.tls === 's',
    username: decoded(parts.user),
    password: password === '' ? decoded(parts.word) : password,
    name,
    database: Number(database),
  };
}

/** `host:port`, for messages. */
export function nameOf({ nodes }: RedisPlace): string {
  return nodes.map(({ host, port }) => `${host}:${port}`).join(',');
}

/** What other URLs have behind their path, and this one would have for a part of the host. */
function refuseMore(behindUser: string): void {
  const [mark] = /[?#]/.exec(behindUser) ?? [];
  if (mark === '?') {
    throw new Error('has a query ("?…"), which nothing reads; a database is written as /1');
  }
  if (mark === '#') throw new Error('has a fragment ("#…"), which nothing reads');
}

function nodeOf(written: string, port: number): RedisNode {
  const { six, host = six, port: stated = port } = HOST.exec(written)?.groups ?? {};
  const isKnown = host !== undefined && (six === undefined || isIPv6(six));
  if (!isKnown || Number(stated) < 1 || Number(stated) > 65_535) {
    throw new Error('names a server as something else than host:port');
  }
  return { host, port: Number(stated) };
}

function decoded(part = ''): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error('has a "%" in its user or password that is no escape; write it as %25');
  }
}
