// What can be measured: how each server is started, on which path it says that it is ready, and which
// models its answers have. Nothing here starts anything before `command` is called with free ports.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { MODELS } from './contract.js';
import { BENCH, ROOT, syntheticDir } from './paths.mjs';

const PEER = join(BENCH, 'peers', 'fastapi-onnxruntime');

/** Chorus itself, with a profile and more arguments. */
function chorus(profile, ...more) {
  return ({ port, adminPort }) => {
    const hosts = ['--host', '127.0.0.1', '--admin-host', '127.0.0.1'];
    const ports = ['--port', String(port), '--admin-port', String(adminPort)];
    return {
      file: process.execPath,
      args: [join(ROOT, 'dist', 'cli', 'main.js'), 'serve', profile, ...more, ...hosts, ...ports],
      ready: `http://127.0.0.1:${adminPort}/readyz`,
    };
  };
}

function synthetic() {
  return ['--models-dir', join(syntheticDir(), 'challenge')];
}

/** FastAPI + ONNX Runtime over the graphs in `folder`, with more arguments. */
function peer(folder, ...more) {
  return (ports) => peerOn(ports, folder, more);
}

function peerOn({ port }, folder, more) {
  const python = execFileSync(
    join(BENCH, 'tools', 'venv.sh'),
    ['peer', join(PEER, 'requirements.txt')],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  ).trim();
  const threads = process.env.CHORUS_PEER_INTRA_THREADS;
  const workers = process.env.CHORUS_PEER_WORKERS;
  return {
    file: python,
    args: [
      join(PEER, 'server.py'),
      ...['--graphs', join(syntheticDir(), folder), '--port', String(port), ...more],
      ...(threads ? ['--intra-threads', threads] : []),
      ...(workers ? ['--workers', workers] : []),
    ],
    ready: `http://127.0.0.1:${port}/readyz`,
  };
}

function stub({ port }) {
  const script = join(BENCH, 'tools', 'stub.mjs');
  return {
    file: process.execPath,
    args: [script, '--port', String(port)],
    ready: `http://127.0.0.1:${port}/readyz`,
  };
}

const CHECKPOINTS = {
  path: () => join(syntheticDir(), 'challenge', 'jy46604790'),
  make: 'make synthetic',
};
const SERVICE = { path: () => join(ROOT, 'dist', 'cli', 'main.js'), make: 'make build' };
const SETUP = 'bench/peers/fastapi-onnxruntime/setup.sh';
const GRAPHS = { path: () => join(syntheticDir(), 'peer', 'jy46604790'), make: SETUP };
const INT8_GRAPHS = { path: () => join(syntheticDir(), 'peer-int8', 'jy46604790'), make: SETUP };

/** Chorus with all five full-size models. */
function fullSize(what, ...flags) {
  return {
    what: `Chorus, five full-size models, ${what}`,
    models: MODELS,
    needs: [SERVICE, CHECKPOINTS],
    command: (ports) =>
      chorus(join(ROOT, 'models', 'challenge.yaml'), ...synthetic(), ...flags)(ports),
  };
}

/** The peer with all five full-size models. */
function fullSizePeer(what, graphs, folder, ...flags) {
  return {
    what: `FastAPI + ONNX Runtime, the same five full-size models, ${what}`,
    models: MODELS,
    needs: [CHECKPOINTS, graphs],
    command: peer(folder, ...flags),
  };
}

export const TARGETS = {
  starter: {
    what: 'Chorus, the five small starter models',
    models: MODELS,
    needs: [SERVICE],
    command: chorus(join(ROOT, 'models', 'starter.yaml')),
  },
  synthetic: fullSize('exact'),
  bf16: fullSize('bf16', '--precision', 'bf16'),
  int8: fullSize('int8', '--precision', 'int8'),
  onnxruntime: fullSize("exact, by ONNX Runtime's operators", '--kernels', 'onnxruntime'),
  single: {
    what: 'Chorus, one full-size XLM-RoBERTa-base alone',
    models: ['ivanlau'],
    needs: [SERVICE, CHECKPOINTS],
    command: (ports) => chorus(join(BENCH, 'synthetic', 'single.yaml'), ...synthetic())(ports),
  },
  peer: fullSizePeer('fused fp32, unbatched', GRAPHS, 'peer'),
  'peer-batched': fullSizePeer(
    'fused fp32, a queue and a 10 ms window per model',
    GRAPHS,
    'peer',
    '--window-ms',
    '10',
  ),
  'peer-int8': fullSizePeer('fused dynamic int8, unbatched', INT8_GRAPHS, 'peer-int8'),
  'peer-int8-batched': fullSizePeer(
    'fused dynamic int8, a queue and a 10 ms window per model',
    INT8_GRAPHS,
    'peer-int8',
    '--window-ms',
    '10',
  ),
  stub: {
    what: 'a constant answer: what the load generator itself can do here',
    models: MODELS,
    needs: [],
    command: stub,
  },
};

/** What the chosen targets lack, one line each. */
export function missing(names) {
  const lacking = names
    .flatMap((name) => TARGETS[name].needs)
    .filter(({ path }) => !existsSync(path()));
  return [...new Set(lacking)].map(({ path, make }) => `${path()} is missing: run ${make}`);
}
