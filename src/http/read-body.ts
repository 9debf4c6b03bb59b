/**
 * Reads a request's body as bytes, whatever content type the client states.
 *
 * curl sends `application/x-www-form-urlencoded` unless told otherwise and some clients send no type
 * at all; both mean the JSON they wrote. Only what says that the bytes are something else is refused:
 * multipart, another charset, a compression.
 *
 * `koa-bodyparser` is used as a byte reader for its limit and its handling of aborted uploads. Left
 * to itself it drops a body whose type it does not know, replaces invalid UTF-8 in silence and
 * answers 500 to a broken gzip. Decoding is the business of `json.ts`.
 */

import type { IncomingHttpHeaders } from 'node:http';

import type Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import type { Exchange } from './exchange.js';
import type { Context } from './state.js';

import { ServiceError } from '../errors/service-error.js';

/**
 * Resolves with the body of the context's request, empty when there is none.
 *
 * @throws {ServiceError} `unsupported_media_type`, `unsupported_content_encoding`, `body_too_large`,
 *   `body_memory_full`, `malformed_request`, or `cancelled` when the client goes away while sending.
 */
export type BodyReader = (context: Context) => Promise<Buffer>;

export function bodyReader(maxBodyBytes: number): BodyReader {
  const options = {
    enableTypes: ['text'],
    // Bytes, please; the option is missing from the package's types.
    encoding: null,
    // The types want a text, which would be parsed for each body.
    textLimit: maxBodyBytes as unknown as string,
    onerror(error: Error) {
      throw asServiceError(error, maxBodyBytes);
    },
  };
  const parse = bodyParser(options);
  return async function readBody(context) {
    const { exchange } = context.state;
    acceptHeaders(context.req.headers);
    reserve(exchange);
    exchange.invite();
    // What the parser reads and writes of a context; to it every body is text, which it leaves as it is.
    const read = { req: context.req, request: { is: () => 'text/plain', body: undefined } };
    await parse(read as unknown as Koa.Context, nothingNext);
    const { body }: { body: unknown } = read.request;
    return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  };
}

async function nothingNext(): Promise<void> {
  // The parser is called as a function here, not as a layer.
}

/** Refuses bodies that cannot be UTF-8 JSON. */
function acceptHeaders(headers: IncomingHttpHeaders): void {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    throw new ServiceError(
      'unsupported_content_encoding',
      'The body must be sent as it is, without Content-Encoding.',
      { headers: { 'accept-encoding': 'identity' } },
    );
  }
  delete headers['content-encoding'];

  const type = headers['content-type']?.toLowerCase() ?? '';
  if (type.trimStart().startsWith('multipart/')) {
    throw new ServiceError(
      'unsupported_media_type',
      'Multipart bodies are not read; send the JSON itself as application/json.',
    );
  }
  const charset = /;\s*charset\s*=\s*["']?([^"';\s]*)/.exec(type)?.[1] ?? '';
  if (charset !== '' && charset !== 'utf-8' && charset !== 'utf8') {
    throw new ServiceError('unsupported_media_type', 'The body must be UTF-8.');
  }
}

/** Takes memory for the body until the exchange ends: for a stated length at once, for chunks as they come. */
function reserve(exchange: Exchange): void {
  const { request } = exchange;
  const length = request.headers['content-length'];
  if (length !== undefined) {
    exchange.takeMemory(Number(length));
  } else if (request.headers['transfer-encoding'] !== undefined) {
    request.on('data', (chunk: Buffer) => {
      try {
        exchange.takeMemory(chunk.length);
      } catch (error) {
        // The parser gives up what it has, and the request ends with this.
        request.emit('error', error);
      }
    });
  }
}

function asServiceError(error: Error & { type?: string }, maxBodyBytes: number): ServiceError {
  if (error instanceof ServiceError) return error;
  switch (error.type) {
    case 'entity.too.large':
      return bodyTooLarge(maxBodyBytes);
    case 'request.aborted':
      return new ServiceError('cancelled', 'The client went away while sending.', { cause: error });
    default:
      return new ServiceError('malformed_request', 'The body could not be read.', { cause: error });
  }
}

export function bodyTooLarge(maxBodyBytes: number): ServiceError {
  return new ServiceError('body_too_large', `The body must not exceed ${maxBodyBytes} bytes.`);
}
