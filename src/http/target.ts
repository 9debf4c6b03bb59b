/**
 * What a request asks for, however it is written.
 */

import type { IncomingMessage } from 'node:http';

/** The scheme and the host of a target in absolute form (RFC 9112, section 3.2.2), which proxies may send. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** The path that `request` asks for, as Koa reads it: without host and query, escapes left as they are. */
export function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const [path = ''] = url.replace(ORIGIN, '').split(/[?#]/, 1);
  return path === '' ? '/' : path;
}

/** The query of what `request` asks for. */
export function queryOf({ url = '' }: Pick<IncomingMessage, 'url'>): URLSearchParams {
  const [, query = ''] = /\?([^#]*)/.exec(url) ?? [];
  return new URLSearchParams(query);
}
