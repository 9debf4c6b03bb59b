/**
 * `make cluster` from a fresh clone: what it downloads, it does before it is without a network.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { folderFor } from '../testing/folder.js';

const RUN = fileURLToPath(new URL('../../deploy/cluster/run.mjs', import.meta.url));

test('the definitions of custom resources are fetched before the network goes, and not asked for after', (context) => {
  const folder = folderFor(context);
  const log = join(folder, 'log');
  const program = (name: string, lines: string) => {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${lines}\n`);
    chmodSync(file, 0o755);
  };
  program('go', `echo "go $4" >>${log}; echo '{"Dir": "/"}'`);
  program('unshare', `echo "unshare $GOPROXY" >>${log}`);
  const env = { ...process.env, PATH: `${folder}:${String(process.env.PATH)}` };
  const { status, stderr } = spawnSync(process.execPath, [RUN], { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const calls = readFileSync(log, 'utf8').trim().split('\n');
  assert.equal(calls.pop(), 'unshare off');
  for (const module of ['prometheus-operator', 'keda', 'gateway-api', 'istio.io', 'kserve']) {
    assert.ok(
      calls.some((call) => call.startsWith('go ') && call.includes(module)),
      module,
    );
  }
});
