/**
 * What the Dockerfiles do beside building, done without an engine: which engine Cargo's cache gives, which models are baked.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { runChorus } from '../testing/chorus-process.js';
import { folderFor } from '../testing/folder.js';
import { hubWorld, published } from './hub-world.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The command of a stage's last RUN, without its mounts. */
function commandOf(stage: string): string {
  const text = readFileSync(join(root, 'Dockerfile-cpu'), 'utf8');
  const [, body = ''] = text.split(
    new RegExp(`^FROM (?:--platform=\\S+ )?\\S+ AS ${stage}\n`, 'm'),
  );
  const runs = (body.split(/^FROM /m)[0] ?? '').matchAll(
    /^RUN (?:--mount=\S+ \\\n\s*)*([^]*?[^\\])\n(?!\s)/gm,
  );
  const [, command = ''] = [...runs].at(-1) ?? [];
  return command.replaceAll(/^ *#.*\n/gm, '').replaceAll('\\\n', '');
}

test("Cargo's cache never gives another checkout's engine, however old the files of this one are", (context) => {
  const folder = folderFor(context);
  const checkout = (name: string, hoursAgo: number): string => {
    const native = join(folder, name, 'native');
    mkdirSync(join(native, 'src'), { recursive: true });
    const manifest =
      '[package]\nname = "chorus-addon"\nversion = "0.1.0"\nedition = "2021"\n[lib]\n';
    const files = {
      'Cargo.toml': `${manifest}crate-type = ["cdylib"]\n`,
      'Cargo.lock': 'version = 4\n[[package]]\nname = "chorus-addon"\nversion = "0.1.0"\n',
      'src/lib.rs': `#[no_mangle]\npub static ENGINE: [u8; 9] = *b"engine: ${name}";\n`,
    };
    const time = Date.now() / 1000 - hoursAgo * 3600;
    for (const [path, text] of Object.entries(files)) {
      writeFileSync(join(native, path), text);
      utimesSync(join(native, path), time, time);
    }
    return join(folder, name);
  };
  const command = commandOf('native');
  // Where an image has it, a checkout always lies.
  const build = join(folder, 'build');
  const engineOf = (source: string): string => {
    rmSync(build, { recursive: true, force: true });
    cpSync(source, build, { recursive: true, preserveTimestamps: true });
    writeFileSync(
      join(build, 'triple'),
      `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-gnu\n`,
    );
    const written = command.replaceAll('/target', join(folder, 'target')).replace('/build/', build);
    execFileSync('sh', ['-euc', written], { cwd: build, stdio: 'pipe' });
    const [engine = ''] =
      /engine: ./.exec(readFileSync(join(build, 'libchorus_addon.so'), 'latin1')) ?? [];
    return engine;
  };
  assert.equal(engineOf(checkout('a', 0)), 'engine: a');
  assert.equal(engineOf(checkout('b', 2)), 'engine: b');
});

test('the layer of models is the same to the bit, whenever and with whatever it was pulled', async (context) => {
  const { hub, profile, cache, folder, run } = await hubWorld(context);
  assert.equal((await run('pull', profile)).code, 0);
  const bake = (name: string): string => {
    const destination = join(folder, name);
    const script = join(root, 'deploy/images/baked.mjs');
    const lock = profile.replace('.yaml', '.lock.json');
    execFileSync(process.execPath, [script, lock, cache, join(destination, 'hub')]);
    return destination;
  };
  const digestOf = (destination: string): string =>
    execFileSync('sh', ['-c', 'tar --sort=name -cf - hub | sha256sum'], {
      cwd: destination,
      encoding: 'utf8',
    });
  const first = bake('first');

  // Another profile is pulled into the same cache, and this one anew.
  const revision = await hub.addRepo({ repo: 'owner/other', files: published('bert') });
  const other = join(folder, 'other.yaml');
  const source = `{ repo: owner/other, revision: '${revision}' }`;
  const routes = 'routes: [{ path: /process, contract: process }]\n';
  writeFileSync(other, `name: other\nmodels: [{ name: other, source: ${source} }]\n${routes}`);
  rmSync(cache, { recursive: true });
  for (const each of [other, profile]) assert.equal((await run('pull', each)).code, 0);
  const second = bake('second');
  assert.equal(digestOf(second), digestOf(first));

  const baked = readdirSync(second, { recursive: true, encoding: 'utf8' });
  assert.ok(baked.some((name) => name.endsWith('model.safetensors')));
  assert.ok(!baked.some((name) => /pytorch_model|owner--other/.test(name)));
  const checked = await runChorus(['check', profile], { HF_HOME: second });
  assert.equal(checked.code, 0, checked.stderr);
});

test('a place for the models that is no absolute path is refused before they are pulled', () => {
  const env = { PATH: process.env.PATH, HF_HOME: 'models', MODELS: 'baked' };
  const { status, stderr } = spawnSync('sh', ['-euc', commandOf('models')], {
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 2);
  assert.equal(stderr, 'HF_HOME is "models"; it must be an absolute path.\n');
});

test('what one hub has is not taken for what another has', (context) => {
  const folder = folderFor(context);
  const log = join(folder, 'log');
  const program = join(folder, 'node');
  const real = `[ "$1" != -p ] || exec '${process.execPath}' "$@"`;
  writeFileSync(program, `#!/bin/sh\n${real}\necho "$HF_HOME $*" >>${log}\n`);
  chmodSync(program, 0o755);
  const written = ['/layer', '/cache', '/app', '/baked.mjs'].reduce(
    (command, path) => command.replaceAll(path, `${folder}${path}`),
    commandOf('models'),
  );
  mkdirSync(join(folder, 'app'));
  const placeOf = (hub: string): string => {
    const env = {
      PATH: `${folder}:${process.env.PATH ?? ''}`,
      HF_ENDPOINT: hub,
      HF_HOME: '/models',
    };
    const stage = { ...env, PROFILE: 'starter', MODELS: 'baked' };
    rmSync(log, { force: true });
    execFileSync('sh', ['-euc', written], { env: stage });
    const [pulled = '', baked = ''] = readFileSync(log, 'utf8').split('\n');
    const [place = '', ...pull] = pulled.split(' ');
    assert.deepEqual(pull, ['dist/cli/main.js', 'pull', 'starter']);
    assert.equal(
      baked,
      `/models ${folder}/baked.mjs models/starter.lock.json ${place}/hub ${folder}/layer/models/hub`,
    );
    return place;
  };
  const place = placeOf('https://huggingface.co');
  assert.equal(placeOf('https://huggingface.co'), place);
  assert.notEqual(placeOf('http://127.0.0.1:5000'), place);
});
