/**
 * A: what can be wrong with connections and with HTTP itself.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../../testing/until.js';
import { answersIn, CANARY } from '../answers.js';
import { startHaproxy, startNginx } from '../front.js';
import { act, row, tests, type Row } from '../row.js';
import { everything } from '../scene.js';
import { slowClients } from './slow-clients.js';

const FRAMING = 'src/server/framing.test.ts';
const APP = 'src/http/app.test.ts';
const PIPELINING = 'src/server/pipelining.test.ts';
const DISPATCHER = 'native/runtime/src/dispatcher/tests/mod.rs';
const REQUESTS = 'native/core/src/requests/tests.rs';

/** The tests of `framing.test.ts` that refuse these. */
function refused(...whats: readonly string[]) {
  const names = whats.map((what) => `${what} as a problem, and the connection closes`);
  return tests(FRAMING, ...names);
}

const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const PARSE_ERRORS = 'chorus_http_parse_errors_total';
const CANCELLED = 'chorus_requests_cancelled_total{stage="inference"}';
/** More than are computed while they arrive. */
const CROWD = 150;
/** Takes the models of the starter profile some milliseconds, and is another text each time. */
const longText = (index: number) =>
  JSON.stringify(`${index} ${CANARY} ${'and so on '.repeat(300)}`);

export const framing: readonly Row[] = [
  row(
    1,
    'a length and chunks, two lengths, a length that is no plain number',
    '400, closed',
    refused(
      'length and chunks at once: 400',
      'two lengths: 400',
      'a signed length: 400',
      'a hexadecimal length: 400',
    ),
  ),
  row(
    2,
    'an unknown transfer encoding, or one after chunked',
    '400, closed',
    refused('an unknown transfer encoding: 400', 'chunked, identity: 400'),
  ),
  row(3, 'identity before chunked', '400, closed', refused('identity, chunked: 400')),
  row(
    4,
    'a folded header, a space before the colon, a bare line feed or carriage return, NUL',
    '400, closed',
    refused('a folded header: 400', 'a space before the colon: 400', 'a NUL in a header: 400'),
    act(
      async (scene) => {
        await scene.exchange(`POST /process HTTP/1.1\nHost: a\nContent-Length: 3\n\n"a"`, 400);
        await scene.exchange(scene.request('X: a\rY: b\r\n'), 400);
        await scene.exchange(scene.request('X: a\nContent-Length: 3\r\n', '"a"'), 400);
      },
      { counts: { [PARSE_ERRORS]: 3 } },
    ),
  ),
  row(5, 'two Host headers', '400, closed', refused('two hosts: 400', 'no host: 400')),
  row(6, 'HTTP/0.9', '400, closed', refused('HTTP/0.9: 400')),
  row(
    7,
    'a header or a target that is too long',
    '431, closed',
    refused('a header above 8 KiB: 431'),
    act(
      (scene) =>
        scene.exchange(`GET /${CANARY}${'a'.repeat(20_480)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431),
      { counts: { [`${PARSE_ERRORS}{code="HPE_HEADER_OVERFLOW"}`]: 1 } },
    ),
  ),
  row(
    8,
    '3000 tiny fields',
    '431, closed; none of those below the limit is overlooked',
    tests(FRAMING, 'a second host beyond the thousandth field: 400'),
    act((scene) => scene.exchange(scene.request('a: bc\r\n'.repeat(3000)), 431), {
      counts: { [`${PARSE_ERRORS}{code="HPE_HEADER_OVERFLOW"}`]: 1 },
    }),
  ),
  ...slowClients,
  row(
    13,
    'pipelined requests',
    'answered in order; a surplus is held back, or one 503 and the end',
    tests(
      PIPELINING,
      'as many requests as may be pipelined are answered in order',
      'what one read brings beyond that is one 503 after the answers, and the end',
      'requests that come one by one wait in the kernel, and are all answered',
    ),
    act(async (scene) => {
      const socket = scene.connect();
      const received = everything(socket);
      for (let count = 0; count < 100; count += 1) {
        if (!socket.write(scene.wellFormed)) await once(socket, 'drain');
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.write('GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      const statuses = answersIn(await received).map(({ status }) => status);
      const isCutOff = statuses.at(-1) === 503;
      assert.ok(isCutOff || statuses.length === 101, `${statuses.length} answers`);
      assert.deepEqual([...new Set(statuses.slice(0, -1))], [200]);
    }),
  ),
  row(
    14,
    'garbage behind a good request',
    '200, then 400, closed',
    tests(
      FRAMING,
      'a good request in front of garbage is answered first',
      'garbage in several packets gets one answer',
    ),
    act((scene) => scene.exchange(`${scene.wellFormed}${CANARY}\r\n\r\n`, 200, 400), {
      counts: { [PARSE_ERRORS]: 1 },
    }),
  ),
  row(
    15,
    'a body in chunks',
    '200; 413 as soon as it is too large',
    tests(
      'src/routes/process/process.test.ts',
      'a chunked body within the limit is read',
      'a body above the limit is refused with 413, by its length or while it streams',
    ),
  ),
  row(
    16,
    'a flood of chunk extensions, a bad chunk size, one that overflows',
    '400, closed',
    refused('a bad chunk size: 400'),
    act(
      async (scene) => {
        const extension = `3;${CANARY}=${'x'.repeat(20_000)}\r\n"a"\r\n0\r\n\r\n`;
        await scene.exchange(scene.request(CHUNKED, extension), 400);
        const overflowing = `${'f'.repeat(17)}\r\n"a"\r\n0\r\n\r\n`;
        await scene.exchange(scene.request(CHUNKED, overflowing), 400);
      },
      { counts: { [PARSE_ERRORS]: 2 } },
    ),
  ),
  row(
    17,
    'a body shorter than its length',
    'nothing is inferred; counted as cancelled',
    tests(FRAMING, 'a body shorter than stated is not inferred and counts as cancelled'),
  ),
  row(
    18,
    'Expect: with a body that is too large, or of something else than 100-continue',
    '413 without 100; 417',
    refused(
      'a length above the limit that asks before sending: 413',
      'an expectation nobody meets: 417',
    ),
  ),
  row(
    19,
    'other methods, unknown ones, CONNECT',
    '405 with Allow; 400; closed',
    refused('TRACE: 405', 'an unknown method: 400'),
    tests(FRAMING, 'CONNECT is closed without an answer'),
    tests(APP, 'a method that a path does not take is 405 with what it takes'),
  ),
  row(
    20,
    'an upgrade, the preface of HTTP/2, a TLS hello',
    'answered as if there were none; 400; 400',
    refused('the preface of HTTP/2: 400', 'a TLS hello: 400'),
    tests(FRAMING, 'an upgrade is ignored and the request answered'),
  ),
  row(
    21,
    'paths that lead elsewhere, a target in absolute form, NUL in a path',
    '404; as its path; 400',
    tests(APP, 'a path that nobody serves is 404, however it is spelled'),
    act(async (scene) => {
      const get = (target: string) =>
        `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
      for (const path of ['/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '//health', '/a%00b']) {
        await scene.exchange(get(path), 404);
      }
      await scene.exchange(get('http://elsewhere/health'), 200);
      await scene.exchange(get('/a\0b'), 400);
      assert.doesNotMatch(await scene.metrics(), /passwd|elsewhere/);
    }),
  ),
  row(
    22,
    'a header named `__proto__`',
    '200',
    tests(FRAMING, 'a header named __proto__ is just a header'),
  ),
  row(
    23,
    'a client that goes away while its text waits',
    'never computed, counted',
    tests(DISPATCHER, 'a_cancelled_request_frees_its_place_and_never_runs'),
    tests(APP, 'a client that goes away frees its place in the queue and is counted'),
    act(
      async (scene) => {
        const done = 'chorus_texts_total{model="svalabs",outcome="done"}';
        const before = [
          await scene.count('chorus_requests_received_total'),
          await scene.count(done),
        ];
        const sockets = Array.from({ length: CROWD }, (_, index) => {
          const socket = scene.connect();
          const text = longText(index);
          socket.write(scene.request(`Content-Length: ${text.length}\r\n`, text));
          return socket;
        });
        const received = () => scene.count('chorus_requests_received_total');
        await until(async () => (await received()) === (before[0] ?? 0) + CROWD, 'all have come');
        for (const socket of sockets) socket.destroy();
        await until(async () => (await scene.count('chorus_pending_texts')) === 0, 'none waits');
        const computed = (await scene.count(done)) - (before[1] ?? 0);
        assert.ok(computed < CROWD, 'some were never computed');
        assert.ok((await scene.count(CANCELLED)) > 0);
      },
      {
        flags: ['--cache-size', '0', '--max-wait', '0s'],
        counts: { chorus_requests_received_total: CROWD + 1 },
      },
    ),
  ),
  row(
    24,
    'a client that goes away while its text runs',
    'the batch ends, nobody is written to',
    tests(REQUESTS, 'what_is_cancelled_while_it_is_prepared_or_runs_ends_in_nothing'),
  ),
  row(
    25,
    'a client that ends its side behind the request',
    'taken as gone: closed without an answer, counted',
    act(
      async (scene) => {
        const socket = scene.connect();
        const text = longText(0);
        socket.end(scene.request(`Content-Length: ${text.length}\r\n`, text));
        assert.equal((await everything(socket)).length, 0);
      },
      { counts: { [CANCELLED]: 1 } },
    ),
  ),
  row(
    26,
    'a connection that a proxy uses again while the service closes it',
    'none: --keep-alive-timeout is longer than that of the proxy',
    act(
      async (scene, context) => {
        const behind = [
          await startNginx(context, [scene.port]),
          await startHaproxy(context, [scene]),
        ];
        // Around the time at which a proxy lets go of a connection, and that at which the service would.
        const gaps = [0.3, 0.95, 1.05, 1.95, 2.05, 2.2].map((seconds) => seconds * 1000);
        const clients = behind.flatMap((port) => gaps.map((gap) => ({ port, gap })));
        const end = performance.now() + 12_000;
        const failed: string[] = [];
        const client = async ({ port, gap }: (typeof clients)[number]) => {
          while (performance.now() < end) {
            const { status } = await fetch(`http://127.0.0.1:${port}/health`);
            if (status !== 200) failed.push(`${status} after ${gap} ms`);
            await sleep(gap);
          }
        };
        await Promise.all(clients.map(client));
        assert.deepEqual(failed, []);
      },
      { flags: ['--keep-alive-timeout', '2s'], isLong: true },
    ),
  ),
];
