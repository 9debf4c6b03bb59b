/**
 * C: too much of everything, and too little to do it with. What is left of the answers is measured by `make overload`.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { onSignal } from '../../testing/chorus-process.js';
import { CANARY } from '../answers.js';
import { arrive, peakOf } from '../load.js';
import { act, inapplicable, row, tests, type Act, type Row } from '../row.js';
import type { Scene } from '../scene.js';

const REQUESTS = 'native/core/src/requests/tests.rs';
const DISPATCHER = 'native/runtime/src/dispatcher/tests/mod.rs';
const BODIES = 'src/server/bodies.test.ts';
const SHED = 'chorus_requests_shed_total';
const FLAGS = ['--cache-size', '0', '--max-wait', '500ms'];

export const overload: readonly Row[] = [
  row(
    53,
    'two, five and ten times as many requests as can be answered',
    'what can be is answered, the rest is 503 at once with a time to retry',
    tests(REQUESTS, 'a_request_is_refused_where_it_would_wait_for_longer_than_is_allowed'),
    loaded(async (scene) => {
      const peak = await peakOf(scene);
      for (const times of [2, 5, 10]) await arrive(scene, { rate: peak * times, seconds: 4 });
      assert.ok((await scene.count(SHED)) > 0, 'some are refused');
    }),
  ),
  row(
    54,
    'ten times the load within a moment, and back',
    'answers everything again once the load is what it was',
    loaded(async (scene) => {
      const peak = await peakOf(scene);
      await arrive(scene, { rate: peak / 4, seconds: 2 });
      await arrive(scene, { rate: peak * 10, seconds: 3 });
      await sleep(1000);
      const { refused } = await arrive(scene, { rate: peak / 8, seconds: 3 });
      assert.equal(refused, 0, 'nobody is refused any more');
    }),
  ),
  row(
    55,
    'texts that become ten times as long',
    'waits are counted by work, so that fewer are let in',
    tests(REQUESTS, 'what_runs_and_what_is_not_prepared_yet_is_waited_for_too'),
    loaded(async (scene) => {
      const peak = await peakOf(scene);
      await arrive(scene, { rate: peak, seconds: 2 });
      const { refused } = await arrive(scene, { rate: peak, seconds: 4, words: 400 });
      assert.ok(refused > 0, 'some are refused');
    }),
  ),
  row(
    56,
    'models that become three times as slow',
    'known from the last batches within two seconds',
    tests(REQUESTS, 'a_model_that_gets_slower_is_known_for_it_within_two_seconds'),
  ),
  row(
    57,
    'clients who ask again at once when they are refused',
    'no collapse: refusals cost little, and answers go on',
    loaded(async (scene) => {
      const peak = await peakOf(scene);
      await arrive(scene, { rate: peak * 2, seconds: 5, retries: 3 });
    }),
  ),
  row(
    58,
    'the event loop is busy for two seconds',
    'probes are answered, nothing is lost',
    tests(
      'src/server/admin-thread.test.ts',
      'probes are answered while the event loop is blocked',
      'an event loop that hangs for longer than the limit is neither alive nor ready',
    ),
    act(
      async (scene) => {
        const asked = Array.from({ length: 50 }, (_, index) => scene.ask(`${CANARY} ${index}`));
        scene.chorus.signal('SIGUSR2');
        for (let count = 0; count < 10; count += 1) {
          assert.ok((await fetch(`http://127.0.0.1:${scene.adminPort}/livez`)).ok);
          await sleep(100);
        }
        const statuses = new Set((await Promise.all(asked)).map(({ status }) => status));
        statuses.delete(503);
        assert.deepEqual([...statuses], [200]);
      },
      {
        environment: onSignal('const end = Date.now() + 2000; while (Date.now() < end);'),
        isLong: true,
      },
    ),
  ),
  row(
    59,
    'the process stands still for longer than requests may take, and goes on',
    'who has waited for too long is told so, not answered late',
    tests(REQUESTS, 'what_has_expired_is_answered_and_never_begun'),
    tests(DISPATCHER, 'nothing_runs_for_a_request_whose_deadline_has_passed'),
    act(
      async (scene) => {
        const long = 'and its time has passed '.repeat(100);
        const asked = Array.from({ length: 200 }, (_, index) =>
          scene.ask(`${CANARY} ${index} ${long}`),
        );
        await sleep(100);
        scene.chorus.signal('SIGSTOP');
        await sleep(3000);
        scene.chorus.signal('SIGCONT');
        const answers = await Promise.all(asked);
        const late = answers.filter(({ status }) => status === 503);
        assert.ok(late.length > 0, 'some have waited for too long');
        const reasons = late.map(({ body }) => (JSON.parse(body) as { reason: string }).reason);
        assert.ok(reasons.includes('deadline_exceeded'), [...new Set(reasons)].join());
      },
      { flags: ['--cache-size', '0', '--answer-timeout', '1s', '--max-wait', '0s'], isLong: true },
    ),
  ),
  row(
    60,
    'little memory, and bodies that take it',
    'bodies have a limit in all, at which they are refused at the header',
    tests(
      BODIES,
      'a body for which there is no memory is 503 at its header, until another request ends',
      'a body in chunks takes memory as it comes',
      'memory comes back with the answer',
    ),
    act(
      async (scene) => {
        const before = scene.memory;
        const body = JSON.stringify(`${CANARY} ${'x'.repeat(250_000)}`);
        const answers = await Promise.all(Array.from({ length: 200 }, () => scene.post(body)));
        const statuses = new Set(answers.map(({ status }) => status));
        assert.ok(statuses.has(200) && statuses.has(503), [...statuses].join());
        assert.ok(scene.memory - before < 256 << 20, 'less than 256 MiB more');
      },
      { flags: ['--cache-size', '0', '--max-body-memory', '2MiB'], isLong: true },
    ),
  ),
  inapplicable(
    61,
    'the kernel ends the process for its memory',
    'needs a control group; what follows is row 85, and images are tried with 512 MiB (make images)',
  ),
  row(
    62,
    'too few open files',
    'fewer connections, said at start; probes are answered',
    tests(
      'src/e2e/limits.test.ts',
      'with few descriptors, connections are fewer and probes still answer',
    ),
    tests(
      'src/server/descriptors.test.ts',
      'connections leave descriptors for probes and for what is open already',
    ),
  ),
  row(
    63,
    'others take the processors',
    'slower; nothing fails',
    act(
      async (scene) => {
        const burners = Array.from({ length: 2 * availableParallelism() }, () =>
          spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
        );
        try {
          await arrive(scene, { rate: 20, seconds: 4 });
        } finally {
          for (const burner of burners) burner.kill('SIGKILL');
        }
        await sleep(500);
      },
      { flags: ['--cache-size', '0'], isLong: true },
    ),
  ),
  row(
    64,
    'nobody reads the log, or the disk below it is full',
    'lines are dropped and counted, requests go on',
    tests('src/e2e/log-stalled.test.ts', 'a reader that stalls stops nothing'),
    tests(
      'src/e2e/log.test.ts',
      'a full disk under the log and the banner costs their lines alone',
      'a reader that is gone stops nothing',
    ),
  ),
  row(
    65,
    'a text on which a model fails, in a batch with others',
    'its batch fails for that model, no other does',
    tests(
      DISPATCHER,
      'a_panic_in_a_model_fails_its_batch_and_nothing_else',
      'a_failing_model_fails_only_the_requests_that_need_it',
    ),
  ),
  inapplicable(
    66,
    'hours of load',
    'takes hours: make sentiment ARGS="soak" measures it, bench/RESULTS.md has what it found',
  ),
];

/** Under more load than can be answered, with a service that lets nobody wait for long. */
function loaded(run: (scene: Scene) => Promise<void>): Act {
  return act(run, { flags: FLAGS, isLong: true });
}
