/**
 * deploy/examples/challenge: the folder that the organisers build and install, in their form.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { parse } from 'yaml';

import { folderFor } from '../testing/folder.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const EXAMPLE = join(root, 'deploy/examples/challenge');

interface Overrides {
  readonly global: {
    readonly env: Readonly<Record<string, string>>;
    readonly pod: {
      readonly ports: readonly { name: string; containerPort: number; protocol: string }[];
    };
    readonly service: { readonly targetPort: number };
  };
}

const solution = (folder: string) =>
  spawnSync(join(EXAMPLE, 'solution.sh'), [folder], { encoding: 'utf8' });

test('what they build has all that its Dockerfile copies, and serves the challenge', (context) => {
  const folder = join(folderFor(context), 'solution');
  const { status, stderr } = solution(folder);
  assert.equal(status, 0, stderr);
  const dockerfile = readFileSync(join(folder, 'Dockerfile'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--)(.*) \S+$/gm)].flatMap(([, from = '']) =>
    from.split(' '),
  );
  assert.ok(copied.length > 10);
  for (const path of copied) assert.ok(existsSync(join(folder, path)), path);
  const defaultsOf = (name: string) =>
    new Set([...dockerfile.matchAll(new RegExp(`^ARG ${name}=(.*)$`, 'gm'))].map(([, to]) => to));
  assert.deepEqual([...defaultsOf('PROFILE')], ['challenge']);
  assert.deepEqual([...defaultsOf('MODELS')], ['baked']);
  const [home = '', ...others] = defaultsOf('HF_HOME');
  assert.deepEqual(others, []);
  // Their chart mounts an empty volume there.
  assert.doesNotMatch(home, /^\/models(?:\/|$)/);

  const overrides = parse(readFileSync(join(folder, 'helm/envs/chorus.yaml'), 'utf8')) as Overrides;
  const { env, pod, service } = overrides.global;
  assert.equal(env.HF_HOME, home);
  const port = Number(/^EXPOSE (\d+)/m.exec(dockerfile)?.[1]);
  assert.deepEqual(pod.ports, [{ name: 'http', containerPort: port, protocol: 'TCP' }]);
  assert.equal(service.targetPort, port);
});

test('a folder with something in it is left alone', (context) => {
  const folder = folderFor(context);
  assert.equal(solution(folder).status, 0);
  const { status, stderr } = solution(folder);
  assert.equal(status, 2);
  assert.match(stderr, /is there and not empty/);
});

test("the autotest's two variables are as their values have them", () => {
  const { global } = parse(readFileSync(join(EXAMPLE, 'autotests.yaml'), 'utf8')) as {
    global: { env: { api_host: string } };
  };
  assert.match(global.env.api_host, /^http:\/\/[\w.-]+\/process$/);
});
