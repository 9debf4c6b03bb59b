// What can be measured: how each server is started, on which path it says that it is ready, which models
// its answers have and in which precision. Nothing here starts or makes anything before `setup` (once, may
// take minutes) and `command` (with free ports) are called.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { MODELS } from './contract.js';
import { BENCH, ROOT, syntheticDir } from './paths.mjs';
import { graphs, peerEnvironment, PEER_VARIABLES, PEERS } from './python.mjs';

const CHECKPOINTS = {
  path: () => join(syntheticDir(), 'challenge', 'jy46604790'),
  make: 'make synthetic',
};
const SERVICE = { path: () => join(ROOT, 'dist', 'cli', 'main.js'), make: 'make build' };

/** Chorus with a profile and more arguments. */
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

function onCheckpoints(profile, ...flags) {
  return (ports) =>
    chorus(profile, '--models-dir', join(syntheticDir(), 'challenge'), ...flags)(ports);
}

/** Chorus with all five full-size models. */
function fullSize(what, precision, ...flags) {
  return {
    what: `Chorus, ${what}`,
    models: MODELS,
    precision,
    needs: [SERVICE, CHECKPOINTS],
    command: onCheckpoints(join(ROOT, 'models', 'challenge.yaml'), ...flags),
  };
}

/**
 * A Python server of the five full-size models: `bench/peers/<folder>/server.py` in its own environment.
 * `source` names the folder of graphs that it reads; the checkpoints themselves where there is none.
 */
function peer(
  what,
  precision,
  { folder, environment = folder, requirements, source, ready },
  ...flags
) {
  const python = () =>
    peerEnvironment(environment, requirements ?? join(folder, 'requirements.txt'));
  const models = () =>
    source ? ['--graphs', graphs(source)] : ['--checkpoints', join(syntheticDir(), 'challenge')];
  return {
    what,
    models: MODELS,
    precision,
    isPeer: true,
    needs: [CHECKPOINTS],
    setup() {
      python();
      models();
    },
    command: ({ port }) => ({
      file: python(),
      args: [join(PEERS, folder, 'server.py'), ...models(), '--port', String(port), ...flags],
      env: PEER_VARIABLES,
      ready: `http://127.0.0.1:${port}${ready ?? '/readyz'}`,
    }),
  };
}

function onnxruntime(what, precision, source, ...flags) {
  const place = { folder: 'fastapi-onnxruntime', environment: 'peer', source };
  return peer(`FastAPI + ONNX Runtime, fused, ${what}`, precision, place, ...flags);
}

function openvino(what, precision, source, hint) {
  const place = {
    folder: 'fastapi-onnxruntime',
    environment: 'openvino',
    requirements: join('fastapi-onnxruntime', 'openvino-requirements.txt'),
    source,
  };
  // One stream on all cores: OpenVINO's own threads.
  const flags = ['--openvino', hint, '--workers', '1', '--intra-threads', '0'];
  return peer(`FastAPI + ONNX Runtime's OpenVINO provider, ${what}`, precision, place, ...flags);
}

function stub({ port }) {
  return {
    file: process.execPath,
    args: [join(BENCH, 'tools', 'stub.mjs'), '--port', String(port)],
    ready: `http://127.0.0.1:${port}/readyz`,
  };
}

const WINDOW = ['--window-ms', '10'];

export const TARGETS = {
  starter: {
    what: 'Chorus, the five small starter models',
    models: MODELS,
    needs: [SERVICE],
    command: chorus(join(ROOT, 'models', 'starter.yaml')),
  },
  synthetic: fullSize('exact', 'fp32'),
  bf16: fullSize('bf16', 'bf16', '--precision', 'bf16'),
  int8: fullSize('int8', 'int8', '--precision', 'int8'),
  onnxruntime: fullSize("exact, by ONNX Runtime's operators", 'fp32', '--kernels', 'onnxruntime'),
  single: {
    what: 'Chorus, exact, one XLM-RoBERTa-base alone',
    models: ['ivanlau'],
    precision: 'fp32',
    needs: [SERVICE, CHECKPOINTS],
    command: onCheckpoints(join(BENCH, 'synthetic', 'single.yaml')),
  },
  peer: onnxruntime('unbatched', 'fp32', 'peer'),
  'peer-batched': onnxruntime('a 10 ms window per model', 'fp32', 'peer', ...WINDOW),
  'peer-int8': onnxruntime('dynamic int8, unbatched', 'int8', 'peer-int8'),
  'peer-int8-batched': onnxruntime(
    'dynamic int8, a 10 ms window per model',
    'int8',
    'peer-int8',
    ...WINDOW,
  ),
  openvino: openvino('fp32, unbatched', 'fp32', 'peer-plain', 'f32'),
  'openvino-bf16': openvino('bf16, unbatched', 'bf16', 'peer-plain', 'bf16'),
  'openvino-int8': openvino('int8, unbatched', 'int8', 'peer-openvino-int8', 'f32'),
  transformers: peer('FastAPI + transformers pipelines, PyTorch', 'fp32', {
    folder: 'fastapi-transformers',
    environment: 'transformers',
  }),
  infinity: peer('Infinity, PyTorch, its dynamic batching', 'fp32', { folder: 'infinity' }),
  litserve: peer('LitServe, PyTorch, batches within 10 ms', 'fp32', {
    folder: 'litserve',
    ready: '/health',
  }),
  mlserver: peer('MLServer, PyTorch, adaptive batching within 10 ms', 'fp32', {
    folder: 'mlserver',
    ready: '/v2/health/ready',
  }),
  stub: {
    what: 'a constant answer: what the load generator itself can do here',
    models: MODELS,
    needs: [],
    command: stub,
  },
};

/** Names that stand for several targets. */
export const GROUPS = {
  peers: Object.keys(TARGETS).filter((name) => TARGETS[name].isPeer),
  all: [
    'synthetic',
    'bf16',
    'int8',
    ...Object.keys(TARGETS).filter((name) => TARGETS[name].isPeer),
  ],
};

/** What the chosen targets lack, one line each. */
export function missing(names) {
  const lacking = names
    .flatMap((name) => TARGETS[name].needs)
    .filter(({ path }) => !existsSync(path()));
  return [...new Set(lacking)].map(({ path, make }) => `${path()} is missing: run ${make}`);
}
