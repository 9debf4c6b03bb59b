/**
 * Requests that are spoiled at random, and requests that proxies and services are known to read differently.
 */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { answersIn, CANARY } from './answers.js';
import { startHaproxy, startNginx } from './front.js';
import { everything, type Scene } from './scene.js';

/** What is put where something was: what parsers stumble over. */
const PIECES = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ':',
  ' ',
  '\t',
  'chunked',
  '-1',
  '0',
  '\xff',
  '"',
  ';',
  ',',
];
const CLIENTS = 16;

/** Spoils requests for `ms`; whatever comes back must be whole answers. The seed of a failure is in its message. */
export async function fuzz(scene: Scene, ms: number): Promise<void> {
  const end = performance.now() + ms;
  const seed = Date.now() % 1_000_000;
  const client = async (_: unknown, index: number) => {
    for (let turn = 0; performance.now() < end; turn += 1) {
      const random = generator(seed + index + turn * CLIENTS);
      const bytes = spoiled(requestLike(scene, random), random);
      const socket = scene.connect();
      socket.end(bytes);
      const received = await everything(socket);
      try {
        answersIn(received);
      } catch (cause) {
        const shown = JSON.stringify(bytes.toString('latin1'));
        throw new Error(`seed ${seed + index + turn * CLIENTS}: ${shown}`, { cause });
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

function requestLike(scene: Scene, random: () => number): Buffer {
  const chunked = `Transfer-Encoding: chunked\r\nConnection: close\r\n`;
  const chunks = `3\r\n"a \r\n${(CANARY.length + 1).toString(16)}\r\n${CANARY}"\r\n0\r\n\r\n`;
  const wholes = [
    scene.wellFormed + scene.wellFormed,
    scene.request(chunked, chunks),
    scene.request('Expect: 100-continue\r\nContent-Length: 3\r\n', '"a"'),
    `GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n${scene.wellFormed}`,
  ];
  return Buffer.from(wholes[Math.floor(random() * wholes.length)] ?? '', 'latin1');
}

/** With one to four of its places replaced, doubled or left out. */
function spoiled(bytes: Buffer, random: () => number): Buffer {
  let spoiled = bytes;
  const times = 1 + Math.floor(random() * 4);
  for (let count = 0; count < times; count += 1) {
    const at = Math.floor(random() * spoiled.length);
    const length = Math.floor(random() * 6);
    const kind = Math.floor(random() * 3);
    const piece = PIECES[Math.floor(random() * PIECES.length)] ?? '';
    const middle = [
      Buffer.from(piece, 'latin1'),
      Buffer.concat([spoiled.subarray(at, at + length), spoiled.subarray(at, at + length)]),
      Buffer.alloc(0),
    ];
    spoiled = Buffer.concat([
      spoiled.subarray(0, at),
      middle[kind] ?? Buffer.alloc(0),
      spoiled.subarray(at + length),
    ]);
  }
  return spoiled;
}

/** Mulberry32: the same numbers from the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A second request, hidden in what only one of two readers takes for the body of the first. */
const HIDDEN = `GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Framings after which readers are known to disagree where the body ends. */
const FRAMINGS: readonly string[] = [
  `Content-Length: ${HIDDEN.length + 5}\r\nTransfer-Encoding: chunked\r\n`,
  `Transfer-Encoding: chunked\r\nContent-Length: 0\r\n`,
  `Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n`,
  `Transfer-Encoding: identity, chunked\r\n`,
  `Transfer-Encoding : chunked\r\nContent-Length: 5\r\n`,
  `Transfer-Encoding:\tchunked\r\n`,
  `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n`,
  `X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n`,
  `Content-Length: 5\r\nContent-Length: 0\r\n`,
  `Content-Length: 0, 5\r\n`,
  `Content-Length: +5\r\n`,
  `Content-Length: 5\nTransfer-Encoding: chunked\r\n`,
  `X: a\rTransfer-Encoding: chunked\r\n`,
];

/**
 * Sends each framing through nginx and HAProxy. Whatever they make of it: the service never sees the hidden request
 * where the client got a single answer, which would be that of the next client.
 */
export async function smuggle(scene: Scene, context: TestContext): Promise<void> {
  const proxies = {
    nginx: await startNginx(context, [scene.port]),
    haproxy: await startHaproxy(context, [scene]),
  };
  for (const [proxy, port] of Object.entries(proxies)) {
    for (const framing of FRAMINGS) {
      const received = await scene.count('chorus_requests_received_total');
      const head = `POST /process HTTP/1.1\r\nHost: a\r\n${framing}\r\n`;
      const socket = scene.connect(port);
      socket.end(`${head}0\r\n\r\n${HIDDEN}`);
      const answers = (await everything(socket)).toString('latin1').match(/HTTP\/1\.[01] \d/g);
      const seen = (await scene.count('chorus_requests_received_total')) - received;
      const shown = `${proxy}, ${JSON.stringify(framing)}`;
      assert.ok(seen <= (answers?.length ?? 0), `${shown}: more requests than answers`);
      const next = await fetch(`http://127.0.0.1:${port}/health`);
      assert.equal(next.status, 200, `${shown}: the next client got another answer`);
    }
  }
}
