/**
 * Files as Koa middleware: sent as they are, unless the client says that it has them.
 */

import { basename } from 'node:path/posix';

import type { ServedFile } from '../routes/docs-page.js';
import type { Middleware } from './state.js';

export function answerWithFile({ path, headers, content }: ServedFile): Middleware {
  return async function answerFile(context) {
    const { exchange } = context.state;
    exchange.route = path;
    if (context.path.endsWith('/')) {
      // What a page refers to, it names by its own path.
      exchange.send(308, { location: `../${basename(path)}` });
      return;
    }
    const { bytes, etag } = await content();
    context.etag = etag;
    // Koa compares what would be sent with what the client has (RFC 9110, section 13.1.2).
    context.status = 200;
    if (context.fresh) exchange.send(304, headers);
    else exchange.send(200, { ...headers, 'content-length': String(bytes.length) }, bytes);
  };
}
