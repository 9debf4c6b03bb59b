/**
 * F: the life of a process, and what belongs nowhere else.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { freePort } from '../../testing/free-port.js';
import { until } from '../../testing/until.js';
import { CANARY } from '../answers.js';
import { startHaproxy } from '../front.js';
import { fuzz, smuggle } from '../fuzz.js';
import { withInvariants } from '../invariants.js';
import { act, row, tests, trial, type Row } from '../row.js';
import { ownScene, Scene } from '../scene.js';
import { pathOf } from '../tools.js';

const STARTER = 'src/e2e/starter.test.ts';
const LIFECYCLE = 'src/server/lifecycle.test.ts';
const DRAIN = 'src/server/drain.test.ts';
const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

export const lifecycle: readonly Row[] = [
  row(
    101,
    'SIGTERM under load',
    'everything accepted is answered, exit code 0',
    tests(STARTER, 'SIGTERM answers what was accepted and exits with 0'),
    tests(
      DRAIN,
      'connections that stand when the service stops are accepted and answered',
      'with a delay, clients that connect for each request lose nothing in 20 stops',
    ),
  ),
  row(
    102,
    'a signal while models load, a second one, SIGINT',
    'exits at once; with 143 or 130 at the second',
    tests(STARTER, 'a signal while the models load ends the process with 0'),
    tests(STARTER, 'SIGINT answers what was accepted and exits with 0'),
    tests(
      LIFECYCLE,
      'a second signal, SIGTERM, exits at once with 143',
      'a second signal, SIGINT, exits at once with 130',
    ),
  ),
  row(
    103,
    'a request that never ends, when the service stops',
    '503 at --shutdown-timeout, exit code 1',
    tests(
      'src/server/service.test.ts',
      'what is not answered in time gets 503 and the stop says so',
    ),
    tests(LIFECYCLE, 'a stop that took too long exits with 1'),
  ),
  row(
    104,
    'services are replaced one after the other under load',
    'no request fails behind a proxy that asks for readiness',
    trial(replaceAll, { isLong: true }),
  ),
  row(
    105,
    'a port in use, settings that are wrong or unknown',
    'exit code 1 or 2, everything that is wrong in lines',
    tests(STARTER, 'a port in use is one line and exit code 1'),
    tests('src/cli/main.test.ts', 'everything that is wrong with the settings is said at once'),
    tests(
      'src/config/load.test.ts',
      'everything wrong is reported at once, each with what was given and what is right',
      'an unknown CHORUS_ variable is a warning that names the nearest one',
    ),
  ),
  row(
    106,
    'the wall clock jumps by two hours, there and back',
    'nothing times out, nothing takes less than no time',
    trial(jumpClock, { isLong: true }),
  ),
  row(
    107,
    'a file system that is read-only, a user that is unknown',
    'works: nothing is written',
    tests(
      'src/e2e/bare-environment.test.ts',
      'the starter models are served without a home or an entry in passwd',
      'the starter models are served from a folder that is gone',
    ),
  ),
  row(
    108,
    'a storm of scrapes, and of routes and methods that nobody serves',
    'probes are answered, 16 scrapes at a time; no series is what a client says',
    tests('src/metrics/metrics.test.ts', 'methods that no route takes are one'),
    tests(
      'src/server/admin-server.test.ts',
      'connections that ask nothing make room for probes',
      'of more scrapes than may wait, those beyond are 503, and probes are answered',
    ),
    act(async (scene) => {
      await nobodyServes(scene, 0);
      const before = seriesIn(await scene.metrics());
      for (let index = 1; index < 30; index += 1) await nobodyServes(scene, index);
      await Promise.all(Array.from({ length: 10 }, () => scene.metrics()));
      assert.equal(seriesIn(await scene.metrics()), before);
    }),
    act(scrapeStorm, { isLong: true }),
  ),
  row(
    109,
    'no network',
    'starts and answers: models are here',
    tests(
      'src/e2e/hub.test.ts',
      'pull, check and serve; then serve from a copied cache without a hub',
    ),
    trial(
      async () => {
        const alone = ['--net', '--map-root-user', process.execPath, MAIN, 'check', 'starter'];
        await promisify(execFile)('unshare', alone);
        return undefined;
      },
      { isLong: true },
    ),
  ),
  row(
    110,
    'bytes changed at random in requests, alone and through proxies',
    'whole answers or a closed connection; a proxy and the service count the same requests',
    act((scene) => fuzz(scene, 8000), { isLong: true }),
    // HAProxy may keep its last connection for longer than files may take to be closed again.
    act((scene, context) => smuggle(scene, context), {
      flags: ['--keep-alive-timeout', '10s'],
      isLong: true,
    }),
  ),
];

/** Two services behind HAProxy; each is stopped and started again, five times in all, while clients ask. */
async function replaceAll(context: TestContext): Promise<undefined> {
  const start = (port: number, adminPort: number) =>
    Scene.start({
      flags: ['--port', String(port), '--admin-port', String(adminPort), '--drain-delay', '2s'],
    });
  const scenes = [
    await start(await freePort(), await freePort()),
    await start(await freePort(), await freePort()),
  ];
  context.after(() => Promise.all(scenes.map((scene) => scene.stop())));
  const port = await startHaproxy(context, scenes);
  const state = { isOver: false, answered: 0 };
  const client = async () => {
    while (!state.isOver) {
      const url = `http://127.0.0.1:${port}/process`;
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(CANARY) });
      assert.equal(response.status, 200, await response.text());
      state.answered += 1;
    }
  };
  await until(async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok, 'one is ready');
  const clients = Promise.all(Array.from({ length: 8 }, client));
  const replaced = async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const old = scenes[turn % 2];
      if (old === undefined) continue;
      old.chorus.signal('SIGTERM');
      assert.equal((await old.chorus.finished()).code, 0);
      scenes[turn % 2] = await start(old.port, old.adminPort);
      // HAProxy looks five times a second.
      await sleep(1000);
    }
    state.isOver = true;
  };
  // A client that fails ends it: what is replaced afterwards would say nothing more.
  await Promise.race([replaced(), clients]);
  await clients;
  assert.ok(state.answered > 0);
  return undefined;
}

async function jumpClock(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-clock-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'clock');
  writeFileSync(file, '+0');
  const scene = await ownScene(context, {
    environment: {
      LD_PRELOAD: pathOf('libfaketimeMT.so.1'),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  });
  const run = async () => {
    const kept = scene.connect();
    const line = once(kept);
    kept.write(scene.wellFormed);
    await line;
    for (const hours of ['+2h', '-2h', '+0h']) {
      writeFileSync(file, hours);
      const text = `${CANARY} ${hours} ${'and the clock has jumped '.repeat(50)}`;
      // Node writes the date of a whole second, so that the other time takes one to be seen.
      await until(async () => {
        const { status, headers } = await scene.ask(text);
        assert.equal(status, 200);
        assert.doesNotMatch(headers['server-timing'] ?? '', /dur=-/);
        const expected = Date.now() + parseInt(hours) * 3_600_000;
        return Math.abs(Date.parse(headers.date ?? '') - expected) < 60_000;
      }, 'the service has the other time');
      const again = once(kept);
      kept.write(scene.wellFormed);
      assert.match(await again, /^HTTP\/1\.1 200 /, 'a kept connection is not closed');
      for (const probe of ['livez', 'readyz']) {
        assert.ok((await fetch(`http://127.0.0.1:${scene.adminPort}/${probe}`)).ok, probe);
      }
    }
    kept.destroy();
  };
  return withInvariants(scene, { run });
}

function once(socket: ReturnType<Scene['connect']>): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (bytes) => {
      resolve(bytes.toString());
    });
    socket.once('close', () => {
      resolve('closed');
    });
  });
}

async function nobodyServes(scene: Scene, index: number): Promise<void> {
  const head = `/${CANARY}-${index} HTTP/1.1\r\nHost: ${index}\r\nUser-Agent: ${index}\r\n`;
  await scene.exchange(`GET ${head}Connection: close\r\n\r\n`, 404);
  await scene.exchange(`REPORT ${head}Connection: close\r\n\r\n`, 404);
}

/** For three seconds; each has an answer, none of them 500, and neither has a probe another one than 200. */
async function scrapeStorm({ adminPort }: Scene): Promise<void> {
  const end = performance.now() + 3000;
  const seen = new Map<string, Set<number>>();
  const client = async (path: string) => {
    while (performance.now() < end) {
      const headers = { connection: 'close' };
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, { headers });
      await response.text();
      seen.set(path, (seen.get(path) ?? new Set()).add(response.status));
    }
  };
  const paths = [...Array<string>(30).fill('/metrics'), '/livez', '/readyz'];
  await Promise.all(paths.map(client));
  assert.deepEqual([seen.get('/livez'), seen.get('/readyz')], [new Set([200]), new Set([200])]);
  assert.deepEqual([...(seen.get('/metrics') ?? [])].sort(), [200, 503]);
}

function seriesIn(metrics: string): number {
  return metrics.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}
