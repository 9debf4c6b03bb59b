// `make parity`: the built engine against Hugging Face transformers, on random small checkpoints.
//
//   node bench/parity/run.mjs [--texts 500] [--only xlmr-json,bert-vocab] [--together 32]
//   node bench/parity/run.mjs --fuzz 1000 [--seed 7]
//
// Makes checkpoints and expected answers (matrix.py, in a Python environment of its own), asks the
// engine for the same alone and together (engine.mjs), compares (compare.mjs). Exits with 1 where they
// differ. The checkpoints stay in bench/.work/parity for the next run. Then random folders (fuzz.mjs):
// FOLDERS of them, or as many as --fuzz says, which leaves out all else.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { BENCH } from '../lib/paths.mjs';
import { environment } from '../lib/python.mjs';
import { fuzz } from './fuzz.mjs';

const HERE = join(BENCH, 'parity');
const WORK = join(BENCH, '.work', 'parity');
/** Of `make parity`; with a seed that stays, so that a failure is one of the change that is tested. */
const FOLDERS = 300;
const SEED = '13';

const { values: options } = parseArgs({
  options: {
    texts: { type: 'string', default: '500' },
    only: { type: 'string' },
    together: { type: 'string', default: '32' },
    fuzz: { type: 'string' },
    seed: { type: 'string', default: SEED },
  },
});

if (options.fuzz === undefined) checkpoints();
if (options.only === undefined) {
  const passed = await fuzz({ count: Number(options.fuzz ?? FOLDERS), seed: options.seed });
  process.exitCode = passed ? 0 : 1;
}

/** The checkpoints of matrix.py; ends the process where one differs. */
function checkpoints() {
  mkdirSync(WORK, { recursive: true });
  // Version 4.57 is what Chorus follows; it shares the packages of the other.
  environment('parity', join(HERE, 'requirements.txt'));
  const python = environment('parity4', join(HERE, 'requirements4.txt'), 'parity');
  run(python, [
    join(HERE, 'matrix.py'),
    WORK,
    '--texts',
    options.texts,
    ...(options.only ? ['--only', options.only] : []),
  ]);

  const answer = (out, ...more) => {
    const files = ['profile.yaml', 'texts.jsonl', out].map((name) => join(WORK, name));
    run(process.execPath, [join(HERE, 'engine.mjs'), ...files, ...more]);
  };
  answer('alone.jsonl');
  answer('together.jsonl', '--together', options.together);
  run(process.execPath, [join(HERE, 'compare.mjs'), WORK]);
}

/** Runs a step and ends with its status where it fails; gives its output with `stdout` as 'pipe'. */
function run(file, args, stdout = 'inherit') {
  const env = {
    ...process.env,
    TRANSFORMERS_VERBOSITY: 'error',
    HF_HUB_OFFLINE: '1',
    HF_HUB_DISABLE_PROGRESS_BARS: '1',
  };
  const {
    status,
    error,
    stdout: output,
  } = spawnSync(file, args, { env, stdio: ['ignore', stdout, 'inherit'], encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
  return output ?? '';
}
