/**
 * Contents on their way to a client: ranges and conditions as HTTP has them, and the faults that spoil bytes.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import type { Content } from './content.js';
import type { Exchange, Headers } from './exchange.js';

/** Offsets; `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Answers with contents, or the part of them that was asked for. `headers` must hold their `ETag`. */
export async function sendContent(
  exchange: Exchange,
  content: Content,
  headers: Headers & { readonly ETag: string },
): Promise<void> {
  const { req, faults, target } = exchange;
  if (req.headers['if-none-match'] === headers.ETag) {
    exchange.head(304, headers);
    exchange.res.end();
    return;
  }
  const span = spanOf(exchange, content.size, headers.ETag);
  if (span === 'unsatisfiable') {
    exchange.error(416, undefined, 'Range Not Satisfiable', {
      'Content-Range': `bytes */${content.size}`,
    });
    return;
  }
  const { start, end } = span ?? { start: 0, end: content.size };
  const wrong = faults.take(['wrong-size'], target)?.add ?? 0;
  exchange.head(span === undefined ? 200 : 206, {
    ...headers,
    'Accept-Ranges': 'bytes',
    'Content-Length': String(end - start + wrong),
    ...(span !== undefined && { 'Content-Range': `bytes ${start}-${end - 1}/${content.size}` }),
    // A wrong length spoils whatever would follow on the connection.
    ...(wrong !== 0 && { Connection: 'close' }),
  });
  await sendBody(exchange, content, { start, end });
}

/** The part that was asked for, or undefined for everything; `bytes=a-b` with either side left out. */
function spanOf(
  exchange: Exchange,
  size: number,
  etag: string,
): Span | undefined | 'unsatisfiable' {
  const { range, 'if-range': condition } = exchange.req.headers;
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (condition !== undefined && condition !== etag) return undefined;
  if (exchange.faults.take(['ignore-range'], exchange.target) !== undefined) return undefined;
  const span =
    first === ''
      ? { start: Math.max(size - Number(last), 0), end: size }
      : { start: Number(first), end: last === '' ? size : Math.min(Number(last) + 1, size) };
  return span.start < span.end ? span : 'unsatisfiable';
}

/** Sends the body of an answer whose head is written, as badly as the faults want. */
export async function sendBody(exchange: Exchange, content: Content, span: Span): Promise<void> {
  const { req, res, faults, target } = exchange;
  if (target.method === 'HEAD') {
    res.end();
    return;
  }
  const cut = faults.take(['cut'], target);
  const stall = faults.take(['stall'], target);
  const drip = faults.take(['drip'], target);
  const flip = target.on === 'api' ? undefined : faults.take(['flip-bit'], target);
  const most = Math.min(cut?.afterBytes ?? Infinity, stall?.afterBytes ?? Infinity);
  const end = Math.min(span.end, span.start + most);
  res.flushHeaders();
  let at = span.start;
  for await (const read of content.read(span.start, end)) {
    const piece = flip === undefined ? read : flipped(read, flip.at - at);
    at += piece.length;
    const step = drip?.bytes ?? piece.length;
    for (let from = 0; from < piece.length; from += step) {
      await exchange.write(piece.subarray(from, from + step));
      if (drip !== undefined) await sleep(drip.everyMs, undefined, { ref: false });
      if (req.socket.destroyed) return;
    }
  }
  if (end === span.end) res.end();
  else if (cut !== undefined) res.destroy();
}

function flipped(piece: Buffer, at: number): Buffer {
  const byte = piece[at];
  if (byte === undefined) return piece;
  const copy = Buffer.from(piece);
  copy[at] = byte ^ 1;
  return copy;
}
