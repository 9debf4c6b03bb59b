// The peers: Python servers of the same five full-size models, each in an environment of its own.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { MODELS } from './contract.js';
import { syntheticDir } from './paths.mjs';
import { graphs, peerEnvironment, PEER_VARIABLES, PEERS_FOLDER } from './python.mjs';

export const CHECKPOINTS = {
  path: () => join(syntheticDir(), 'challenge', 'jy46604790'),
  make: 'make synthetic',
};

/**
 * The target that starts `bench/peers/<folder>/server.py`. `label` is its short name in the chart; `source`
 * names the folder of graphs that it reads, the checkpoints themselves where there is none.
 */
function peer({ what, label, precision, folder, ready = '/readyz', source, flags = [], ...more }) {
  const { environment = folder, requirements = join(folder, 'requirements.txt') } = more;
  const python = () => peerEnvironment(environment, requirements);
  const models = () =>
    source ? ['--graphs', graphs(source)] : ['--checkpoints', join(syntheticDir(), 'challenge')];
  return {
    what,
    label,
    precision,
    models: MODELS,
    isPeer: true,
    needs: [CHECKPOINTS],
    setup() {
      python();
      models();
    },
    command: ({ port }) => ({
      file: python(),
      args: [
        join(PEERS_FOLDER, folder, 'server.py'),
        ...models(),
        '--port',
        String(port),
        ...flags,
      ],
      env: PEER_VARIABLES,
      ready: `http://127.0.0.1:${port}${ready}`,
    }),
  };
}

function onnxruntime(how, precision, source, isBatched) {
  return peer({
    what: `FastAPI + ONNX Runtime, fused, ${how}${isBatched ? ', a 10 ms window per model' : ', unbatched'}`,
    label: `ONNX Runtime${isBatched ? ', batched' : ''}`,
    precision,
    folder: 'fastapi-onnxruntime',
    environment: 'peer',
    source,
    flags: isBatched ? ['--window-ms', '10'] : [],
  });
}

/** `hint` is the precision of what is not int8 in the graph. */
function openvino(precision, source, hint) {
  return peer({
    what: `FastAPI + ONNX Runtime's OpenVINO provider, ${precision}, unbatched`,
    label: 'OpenVINO',
    precision,
    folder: 'fastapi-onnxruntime',
    environment: 'openvino',
    requirements: join('fastapi-onnxruntime', 'openvino-requirements.txt'),
    source,
    // One text at a time, each on all cores.
    flags: [
      '--openvino',
      hint,
      '--workers',
      '1',
      '--intra-threads',
      String(availableParallelism()),
    ],
  });
}

export const PEERS = {
  peer: onnxruntime('fp32', 'fp32', 'peer', false),
  'peer-batched': onnxruntime('fp32', 'fp32', 'peer', true),
  'peer-int8': onnxruntime('dynamic int8', 'int8', 'peer-int8', false),
  'peer-int8-batched': onnxruntime('dynamic int8', 'int8', 'peer-int8', true),
  openvino: openvino('fp32', 'peer', 'f32'),
  'openvino-bf16': openvino('bf16', 'peer', 'bf16'),
  'openvino-int8': openvino('int8', 'peer-openvino-int8', 'f32'),
  transformers: peer({
    what: 'FastAPI + transformers pipelines, PyTorch fp32',
    label: 'transformers',
    precision: 'fp32',
    folder: 'fastapi-transformers',
    environment: 'transformers',
  }),
  infinity: peer({
    what: 'Infinity, PyTorch fp32, its dynamic batching',
    label: 'Infinity',
    precision: 'fp32',
    folder: 'infinity',
  }),
  litserve: peer({
    what: 'LitServe, PyTorch fp32, batches within 10 ms',
    label: 'LitServe',
    precision: 'fp32',
    folder: 'litserve',
    ready: '/health',
  }),
  mlserver: peer({
    what: 'MLServer, PyTorch fp32, adaptive batching within 10 ms',
    label: 'MLServer',
    precision: 'fp32',
    folder: 'mlserver',
    ready: '/v2/models/classify/ready',
  }),
};
