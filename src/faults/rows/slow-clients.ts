/**
 * A, the rows of clients that are slow, many, or neither quite there nor gone.
 */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../../testing/until.js';
import { act, row, tests, type Row } from '../row.js';
import type { Scene } from '../scene.js';
import { runTool } from '../tools.js';

const FRAMING = 'src/server/framing.test.ts';
const CONNECTIONS = 'src/server/connections.test.ts';
const TIMEOUTS = ['--headers-timeout', '2s', '--request-timeout', '3s', '--write-timeout', '3s'];
const TIMED_OUT = 'chorus_http_parse_errors_total{code="ERR_HTTP_REQUEST_TIMEOUT"}';

export const slowClients: readonly Row[] = [
  row(
    9,
    'headers that come slowly (slowloris)',
    '408, closed after --headers-timeout; others are answered meanwhile',
    tests(FRAMING, 'a header that arrives too slowly is 408'),
    act((scene) => slowly(scene, 1000, 200, '-H', '-i', '1'), {
      flags: TIMEOUTS,
      counts: { [TIMED_OUT]: 1000 },
      isLong: true,
    }),
  ),
  row(
    10,
    'bodies that come slowly',
    '408, closed after --request-timeout; others are answered meanwhile',
    tests(FRAMING, 'a body that arrives too slowly is 408'),
    act((scene) => slowly(scene, 500, 200, '-B', '-i', '1', '-s', '8192'), {
      flags: TIMEOUTS,
      counts: { [TIMED_OUT]: 500 },
      isLong: true,
    }),
  ),
  row(
    11,
    'answers that are read slowly',
    'closed after --write-timeout; no more than a socket holds waits for each',
    tests(CONNECTIONS, 'a client that does not read its answers is closed after the write timeout'),
    act(
      (scene) =>
        slowly(
          scene,
          200,
          100,
          ...['-X', '-t', 'GET', '-k', '10', '-n', '5', '-w', '1', '-y', '16', '-z', '1'],
        ),
      { flags: TIMEOUTS, isLong: true },
    ),
  ),
  row(
    12,
    'more connections than may be',
    'those that are idle for longest make room, others are dropped; probes answer',
    tests(
      CONNECTIONS,
      'at the limit the connection that is idle for longest makes room for a new one',
      'a connection that never asks anything makes room, too',
      'a connection whose answer is being made is not closed for another',
    ),
    act(
      async (scene) => {
        const attacked = attack(scene, 900, 450, '-H', '-i', '1');
        await until(
          async () => (await scene.count('chorus_connections_dropped_total')) > 0,
          'some are dropped',
        );
        const probed = await fetch(`http://127.0.0.1:${scene.adminPort}/readyz`);
        assert.equal(probed.status, 200);
        await attacked;
      },
      { flags: ['--max-connections', '100', ...TIMEOUTS], isLong: true },
    ),
  ),
];

const SECONDS = 9;

/** So many slow clients. */
async function attack(
  scene: Scene,
  clients: number,
  perSecond: number,
  ...mode: readonly string[]
): Promise<void> {
  const path = mode.includes('-X') ? '/openapi.json' : '/process';
  const target = `http://127.0.0.1:${scene.port}${path}`;
  const numbers = ['-c', String(clients), '-r', String(perSecond), '-l', String(SECONDS)];
  await runTool('slowhttptest', [...mode, ...numbers, '-u', target, '-v', '1']);
}

/** The same while another client asks one thing after the other, and is answered. */
async function slowly(...args: Parameters<typeof attack>): Promise<void> {
  const [scene] = args;
  const state = { isOver: false };
  const bystander = async () => {
    while (!state.isOver) {
      assert.equal((await scene.post()).status, 200);
      await sleep(50);
    }
  };
  const attacking = attack(...args).finally(() => (state.isOver = true));
  await Promise.all([attacking, bystander()]);
}
