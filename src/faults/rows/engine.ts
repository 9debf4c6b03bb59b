/**
 * D: what can be wrong below the sockets: the engine, its models and their files.
 */

import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { runChorus } from '../../testing/chorus-process.js';
import { flipped, modelsOf, refusedWith, withoutWords } from '../damaged-models.js';
import { inapplicable, row, tests, trial, type Row } from '../row.js';
import { everything, ownScene, Scene } from '../scene.js';

const DISPATCHER = 'native/runtime/src/dispatcher/tests/mod.rs';
const REQUESTS = 'native/core/src/requests/tests.rs';
const FIXTURES = 'native/runtime/tests/fixtures.rs';
const MAIN = 'src/cli/main.test.ts';
const ADDON = 'native/addon/index.test.mjs';
const STARTER = 'src/e2e/starter.test.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const engine: readonly Row[] = [
  row(
    67,
    'a panic in a call from JavaScript',
    'the call fails, the process goes on',
    tests(REQUESTS, 'a_call_that_panicked_ends_everything_by_the_next'),
    trial(() => {
      const source = readFileSync(join(ROOT, 'native/addon/src/lib.rs'), 'utf8');
      const exported = source.split(/^\s*#\[napi\b.*\]$/m).slice(1);
      const bare = exported
        .filter((item) => !/\b(?:guarded|in_background)\(/.test(item))
        .map((item) => /\bfn (\w+)/.exec(item)?.[1]);
      // The class itself, its constructor of two empty fields, and the end of the process.
      assert.deepEqual(bare.filter(Boolean), ['new', 'exit_process']);
      return Promise.resolve(undefined);
    }),
  ),
  row(
    68,
    'a panic in work on a thread of libuv',
    'the promise is rejected with a line that names the model',
    tests('src/cli/described.test.ts', 'a panic while one is described is a line that names it'),
  ),
  inapplicable(
    69,
    'a panic in an async function of the addon',
    'it has none: there is no runtime of futures',
  ),
  row(
    70,
    'a panic in a lane or a tokenizer thread',
    'its batch fails, the thread goes on; where that fails too, everybody is answered and liveness ends',
    tests(
      DISPATCHER,
      'a_panic_in_a_model_fails_its_batch_and_nothing_else',
      'a_worker_that_panics_at_any_step_ends_what_it_had_in_hand',
      'a_panic_of_the_rescue_gives_the_engine_up_and_answers_everybody',
      'a_panic_under_the_lock_gives_the_engine_up_and_answers_everybody_who_can_be',
    ),
    tests(
      'src/server/admin-server.test.ts',
      'an engine that has failed for good is neither alive nor ready, whoever asks',
    ),
  ),
  row(
    71,
    'a profile of Cargo in which panics abort',
    'there is none',
    trial(() => {
      const manifest = readFileSync(join(ROOT, 'native/Cargo.toml'), 'utf8');
      assert.match(manifest, /^panic = "unwind"$/m);
      assert.doesNotMatch(manifest, /panic\s*=\s*"abort"/);
      return Promise.resolve(undefined);
    }),
  ),
  row(
    72,
    'a model that fails',
    '500 for who asked it, and for nobody else',
    tests(DISPATCHER, 'a_failing_model_fails_only_the_requests_that_need_it'),
    tests('src/routes/process/process.test.ts', 'a model that fails is named'),
  ),
  row(
    73,
    'a score that is not finite',
    '500, not kept',
    tests(DISPATCHER, 'a_score_that_is_not_finite_is_an_error'),
    tests('native/core/src/head.rs', 'a_logit_that_is_not_finite_is_an_error'),
    tests(
      'src/cache/cached-engine.test.ts',
      'nothing is kept of a request that fails, and whoever gives up is told why',
    ),
  ),
  row(
    74,
    'a batch that never ends',
    '503 at the deadline; liveness ends after 30 seconds',
    tests(
      'src/routes/process/process.test.ts',
      'an answer that takes too long becomes 503 and its work is cancelled',
    ),
    tests(
      'src/server/admin-server.test.ts',
      'liveness fails when work waits and nothing has ended for 30 seconds',
      'an idle engine is alive however long ago it worked',
    ),
  ),
  row(
    75,
    'weights that are cut short, empty or of other bits',
    'exit code 1 with the file; with both digests where they are locked',
    tests('src/e2e/hub.test.ts', 'a changed file is refused at start, with both digests'),
    tests('native/runtime/src/checkpoint/locked.rs', 'other_contents_are_named_with_both_digests'),
    trial(
      async (context) => {
        const damages: readonly ((bytes: Buffer) => Buffer)[] = [
          (bytes) => bytes.subarray(0, -1),
          () => Buffer.alloc(0),
          (bytes) => flipped(bytes, 9),
        ];
        for (const damage of damages) {
          const said = await refusedWith(context, 'svalabs', 'model.safetensors', damage);
          assert.match(said, /svalabs\/model\.safetensors: expected a safetensors file, found /);
        }
        return undefined;
      },
      { isLong: true },
    ),
  ),
  row(
    76,
    'weights of another model',
    'chorus check and a reload find that golden texts have other labels',
    tests(
      'src/e2e/reload.test.ts',
      'a profile with a fault, or that breaks its own promise, leaves the old one serving',
    ),
    tests(
      'src/e2e/folders.test.ts',
      'weights that are not those of their configuration are a finding',
    ),
    trial(
      async (context) => {
        const folder = modelsOf(context);
        for (const [to, from] of [
          ['svalabs', 'EIStakovskii'],
          ['EIStakovskii', 'svalabs'],
        ] as const) {
          rmSync(join(folder, to), { recursive: true });
          cpSync(join(ROOT, 'models/starter', from), join(folder, to), { recursive: true });
        }
        const { code, stderr } = await runChorus(['check', 'starter', '--models-dir', folder]);
        assert.equal(code, 1);
        assert.match(stderr, /svalabs: golden text 1 is LABEL_0, expected HAM/);
        return undefined;
      },
      { isLong: true },
    ),
  ),
  row(
    77,
    'a graph whose numbers are said to be outside its folder',
    'refused',
    tests('native/runtime/src/checkpoint/graph.rs', 'data_outside_the_folder_is_refused'),
  ),
  row(
    78,
    'a tokenizer.json that is empty, cut short or something else',
    'exit code 1 with the file and what was expected',
    tests(FIXTURES, 'what_is_missing_or_wrong_is_named_with_what_was_expected_and_found'),
    trial(
      async (context) => {
        for (const content of ['', '{"version": "1.0", "trunc', '[]', '{}', 'null']) {
          const damage = () => Buffer.from(content);
          const said = await refusedWith(context, 'svalabs', 'tokenizer.json', damage);
          assert.match(said, /svalabs\/tokenizer\.json: expected .*, found /);
        }
        return undefined;
      },
      { isLong: true },
    ),
  ),
  row(
    79,
    'a tokenizer without any word',
    'exit code 1 with the file',
    trial(
      async (context) => {
        for (const model of ['cardiffnlp', 'svalabs', 'jy46604790'] as const) {
          const said = await refusedWith(context, model, 'tokenizer.json', withoutWords);
          assert.match(said, new RegExp(`${model}/.*expected .*, found `));
        }
        return undefined;
      },
      { isLong: true },
    ),
  ),
  row(
    80,
    'no GPU where one is wanted, or may be used',
    'exit code 1 for --device cuda; auto computes on the CPU and says so',
    tests(MAIN, 'without a GPU, serve starter --device=cuda is one line'),
    tests(STARTER, "the engine's figures are scraped"),
  ),
  row(
    81,
    'no ONNX Runtime',
    'exit code 1 with a line',
    tests(MAIN, 'a missing ONNX Runtime is one line'),
  ),
  inapplicable(82, "a GPU's memory is full", 'needs a GPU'),
  inapplicable(83, 'a GPU is lost', 'can only be simulated, and needs a GPU'),
  row(
    84,
    'an addon built for another platform',
    'exit code 1 with a line that says which are checked',
    tests(
      ADDON,
      'another platform is named, and those whose dependencies are checked',
      'musl is named where its linker does not take the library',
      'an engine that was not built is a file that is missing',
    ),
  ),
  row(
    85,
    'the process is gone at once (a fault of memory, the kernel killing it)',
    'clients lose what was open and nothing else; another is ready on the same port at once',
    trial(
      async (context) => {
        for (const signal of ['SIGSEGV', 'SIGKILL'] as const) await diesBy(context, signal);
        return undefined;
      },
      { isLong: true },
    ),
  ),
];

async function diesBy(context: TestContext, signal: NodeJS.Signals): Promise<void> {
  const first = await ownScene(context, { flags: ['--cache-size', '0'] });
  const open = Array.from({ length: 20 }, (_, index) => {
    const socket = first.connect();
    const text = JSON.stringify(`${index} ${'is lost '.repeat(400)}`);
    socket.write(first.request(`Content-Length: ${text.length}\r\n`, text));
    return everything(socket);
  });
  first.chorus.signal(signal);
  // Nobody hangs: each has an answer or the end of its connection.
  await Promise.all(open);
  await first.chorus.finished();
  const again = await Scene.start({ flags: ['--port', String(first.port)] });
  context.after(() => again.stop());
  assert.equal((await again.post()).status, 200);
}
