// What `bench/classic.mjs` measures: Chorus with the profile classic, and the service that people write for such a file.

import { join } from 'node:path';

import { ROOT } from '../lib/paths.mjs';
import { environment, PEERS_FOLDER } from '../lib/python.mjs';
import { chorus, NO_CACHE, SERVICE } from '../lib/targets.mjs';
import { toolPath } from '../lib/tools.mjs';

/** Of the profile; the peer gets the same file. */
const MODEL = {
  path: () => join(ROOT, 'models', 'classic', 'text_classifier.onnx'),
  make: 'make train',
};
const PROFILE = join(ROOT, 'models', 'classic.yaml');
const PEER = join(PEERS_FOLDER, 'fastapi-classic');

export const ROUTE = '/prediction';
/** The target whose rates the others are divided by, and whose labels are the right ones. */
export const REFERENCE = 'peer';

/** `{what, needs, setup, command}` by name; see ../lib/targets.mjs. */
export const TARGETS = {
  chorus: {
    what: 'Chorus, profile classic, no cache',
    needs: [SERVICE, MODEL],
    command: chorus(PROFILE, ...NO_CACHE, '--log-level', 'warn'),
  },
  peer: {
    what: 'FastAPI + ONNX Runtime, a sync endpoint, one uvicorn process',
    needs: [MODEL],
    setup: () => [python(), locales()],
    command: ({ port }) => ({
      file: python(),
      args: [join(PEER, 'server.py'), '--model', MODEL.path(), '--port', String(port)],
      env: { PYTHONUNBUFFERED: '1', LOCPATH: locales() },
      ready: `http://127.0.0.1:${port}/readyz`,
    }),
  },
};

function python() {
  return environment('fastapi-classic', join(PEER, 'requirements.txt'));
}

/** Where ONNX Runtime finds the locale that the graph asks for. */
function locales() {
  return toolPath('locale.sh');
}
