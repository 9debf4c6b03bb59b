// Clients that nobody wishes for, each kind so many times a second until they are stopped.

import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { randomWords } from '../lib/words.mjs';

/** Of each kind, a second. */
const RATE = 2;

/** Bytes that are no request, no valid one, or only the beginning of one. */
const GARBAGE = [
  'GET /process HTTP/1.1\r\nhost: a\r\n\r\n',
  'POST /nothing HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n""',
  'POST /process HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{"text": [',
  'POST /process HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nnul',
  'POST /process HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n"',
  'POST /process HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST /process HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
  'POST /process HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 2\r\n\r\n""',
  `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
  `${'POST /process HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n"a"'.repeat(40)}`,
  Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
  Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 167) % 256)),
];

const KINDS = {
  'went away while waiting': (open) => open(postOf(smallText()), 5 + Math.random() * 45),
  'went away while sending': (open) => open(postOf(smallText()).subarray(0, 80), Math.random() * 50),
  'asked and read nothing': (open) => open(postOf(smallText()), 2000, { reads: false }),
  'sent a byte at a time': (open) => open(postOf('"a"'), 3000, { slowly: true }),
  'sent what is no request': (open) => open(GARBAGE[Math.floor(Math.random() * GARBAGE.length)], 500),
  'sent half a megabyte': (open) => open(postOf(JSON.stringify('a b '.repeat(131_072))), 1000),
};

/** Goes on until `stop`, which resolves with how often each was done once all connections are closed. */
export function abuse({ hostname, port }) {
  const counts = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));
  const open = (bytes, milliseconds, how) => connection(hostname, port, bytes, milliseconds, how);
  const running = new Set();
  const timer = setInterval(() => {
    for (const [kind, begin] of Object.entries(KINDS)) {
      counts[kind] += 1;
      const done = begin(open).finally(() => running.delete(done));
      running.add(done);
    }
  }, 1000 / RATE);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
      return counts;
    },
  };
}

/** A connection that sends `bytes`, stays for a while and goes without a word. */
async function connection(host, port, bytes, milliseconds, { reads = true, slowly = false } = {}) {
  const socket = net.connect({ host, port, noDelay: true });
  socket.on('error', () => {});
  if (reads) socket.resume();
  if (slowly) void drip(socket, bytes);
  else socket.write(bytes);
  await sleep(milliseconds);
  socket.destroy();
}

async function drip(socket, bytes) {
  for (const byte of bytes) {
    if (socket.destroyed) return;
    socket.write(Buffer.from([byte]));
    await sleep(20);
  }
}

function postOf(body) {
  return Buffer.from(
    `POST /process HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function smallText() {
  return JSON.stringify(randomWords([5, 40]));
}
