// Python environments of the benches, and what the peers keep beside the checkpoints: graphs and expected
// answers. Everything is made on first use and kept; making it may take minutes.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BENCH, syntheticDir } from './paths.mjs';

export const PEERS_FOLDER = join(BENCH, 'peers');
const COMMON = join(PEERS_FOLDER, 'common');
const ONNXRUNTIME = join(PEERS_FOLDER, 'fastapi-onnxruntime');

/** The environment with PyTorch and transformers, which the peers' own ones build upon. */
const BASE = 'parity';

/** What every Python of a peer is started with. */
export const PEER_VARIABLES = {
  PYTHONPATH: COMMON,
  PYTHONUNBUFFERED: '1',
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
  TOKENIZERS_PARALLELISM: 'false',
};

/** The Python of an environment of its own; the error of a failed installation ends with pip's reason. */
export function environment(name, requirements, ...base) {
  const script = join(BENCH, 'tools', 'venv.sh');
  const { status, stdout, stderr } = spawnSync(script, [name, requirements, ...base], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the environment ${name} cannot be made: ${stderr}`);
  process.stderr.write(stderr);
  return stdout.trim();
}

/** The Python of a peer; `requirements` is below `bench/peers`. */
export function peerEnvironment(name, requirements) {
  baseEnvironment();
  return environment(name, join(PEERS_FOLDER, requirements), BASE);
}

function baseEnvironment() {
  return environment(BASE, join(BENCH, BASE, 'requirements.txt'));
}

/** How each folder of graphs is made, and from which. */
const GRAPHS = {
  peer: { script: 'export.py', from: 'challenge' },
  'peer-int8': { script: 'quantize.py', from: 'peer' },
  'peer-openvino-int8': { script: 'quantize_weights.py', from: 'peer' },
};

/** The folder of one graph per model, made where it is not complete. */
export function graphs(name) {
  const folder = join(syntheticDir(), name);
  if (existsSync(join(folder, 'jy46604790'))) return folder;
  const { script, from } = GRAPHS[name];
  const source = GRAPHS[from] ? graphs(from) : join(syntheticDir(), from);
  const python = peerEnvironment('peer', 'fastapi-onnxruntime/requirements.txt');
  runPython(python, [join(ONNXRUNTIME, script), source, folder]);
  return folder;
}

/** `{texts, scores}` as `peers/common/expected.py` says; made anew when that file changes. */
export function expectedAnswers() {
  const script = join(COMMON, 'expected.py');
  const hash = createHash('sha256').update(readFileSync(script)).digest('hex').slice(0, 8);
  const file = join(syntheticDir(), `expected-${hash}.json`);
  if (!existsSync(file))
    runPython(baseEnvironment(), [script, join(syntheticDir(), 'challenge'), file]);
  return JSON.parse(readFileSync(file, 'utf8'));
}

function runPython(python, args) {
  console.error(`making ${args[2]}`);
  execFileSync(python, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...PEER_VARIABLES },
  });
}
