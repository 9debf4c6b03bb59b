// Builds the images and runs them as an operator would: node deploy/images/try.mjs [NAME…]
//
// Each name is a trial at the end of this file; without names all are tried. Needs docker or podman
// (ENGINE names one), and the built service for the hub that the challenge is pulled from. The first
// failure ends it with exit code 1; the containers are removed in any case.
//
// NODE_IMAGE, RUST_IMAGE, PYTHON_IMAGE, RUNTIME_IMAGE and K6_IMAGE replace base images (see stand-ins.sh).
// NETWORK=host builds and runs on the host's network, where containers have none of their own.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { parse } from 'yaml';

import { ROOT } from '../../bench/lib/paths.mjs';
import { freePorts } from '../../bench/lib/server.mjs';
import { TOKEN, withSmallHub } from './small-hub.mjs';

const BASES = ['NODE_IMAGE', 'RUST_IMAGE', 'PYTHON_IMAGE', 'RUNTIME_IMAGE', 'K6_IMAGE'];
const HOST_NETWORK = process.env.NETWORK === 'host';
const HEALTHY_WITHIN_MS = 60_000;
/** What the runtime stage promises to do without. */
const ABSENT = ['npm', 'npx', 'gcc', 'cc', 'cargo', 'python3', 'pip', 'curl', 'wget', 'git'];
// Nothing that a restricted cluster forbids, and a limit that a leak would hit.
const HARDENED = [
  ...['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
  ...['--memory', '512m', '--pids-limit', '128'],
];

const engine = process.env.ENGINE ?? ['docker', 'podman'].find(answers);
const isPodman = engine?.endsWith('podman') ?? false;
const started = new Set();

/** Whether `command` has an engine to talk to. */
function answers(command) {
  return spawnSync(command, ['info'], { stdio: 'ignore' }).status === 0;
}

async function run(...args) {
  const options = { cwd: ROOT, maxBuffer: 64 << 20 };
  // The rejection carries code, stdout and stderr as well: a refusal is a result here.
  return promisify(execFile)(engine, args, options).catch((error) => error);
}

/** Like `run`, for what must succeed. */
async function must(...args) {
  const { code = 0, stdout, stderr } = await run(...args);
  assert.equal(code, 0, `${engine} ${args.join(' ')}\n${stderr.slice(-4000)}`);
  return stdout.trim();
}

function buildCommand(file, tag, options) {
  const bases = BASES.filter((name) => process.env[name]);
  // Podman leaves the health check out of an image in its own format.
  const format = isPodman ? ['--format', 'docker', '--pull=missing'] : [];
  return [
    ...['build', '--file', file, '--tag', tag, ...format, ...options],
    ...bases.flatMap((name) => ['--build-arg', `${name}=${process.env[name]}`]),
    ...(HOST_NETWORK ? ['--network', 'host'] : []),
    '.',
  ];
}

async function build(file, tag, ...options) {
  const begin = performance.now();
  await must(...buildCommand(file, tag, options));
  const bytes = Number(await must('image', 'inspect', '--format', '{{.Size}}', tag));
  const seconds = Math.round((performance.now() - begin) / 1000);
  console.log(`${tag}: built in ${seconds} s, ${Math.round(bytes / 1e6)} MB`);
}

/** Starts a hardened container; resolves with how it is reached and stopped once it is healthy. */
async function start(tag, ...options) {
  const [port, adminPort] = await freePorts(2);
  const network = HOST_NETWORK
    ? ['--network', 'host', '-e', `CHORUS_PORT=${port}`, '-e', `CHORUS_ADMIN_PORT=${adminPort}`]
    : ['-p', `127.0.0.1:${port}:8080`, '-p', `127.0.0.1:${adminPort}:9090`];
  const id = await must('run', '--detach', ...HARDENED, ...network, ...options, tag);
  started.add(id);
  await untilHealthy(id);
  return { id, port, adminPort };
}

async function untilHealthy(id) {
  const deadline = performance.now() + HEALTHY_WITHIN_MS;
  while ((await must('inspect', '--format', '{{.State.Status}}', id)) === 'running') {
    // The image's own check, now: the engine asks every ten seconds only.
    const { code = 0 } = await run('exec', id, 'node', '/app/healthcheck.mjs');
    if (code === 0) return;
    assert.ok(performance.now() < deadline, `${id} is not healthy in time`);
    await sleep(100);
  }
  const { stdout, stderr } = await run('logs', id);
  assert.fail(`The container ended:\n${stdout}${stderr}`);
}

/** Until the engine itself calls the container healthy, by the image's HEALTHCHECK. */
async function untilCalledHealthy(id) {
  // Podman leaves the checks to systemd, which is not everywhere; this runs the same check once.
  if (isPodman) {
    await must('healthcheck', 'run', id);
    return;
  }
  const deadline = performance.now() + HEALTHY_WITHIN_MS;
  const status = () => must('inspect', '--format', '{{.State.Health.Status}}', id);
  while ((await status()) !== 'healthy') {
    assert.ok(performance.now() < deadline, `${engine} calls ${id} "${await status()}"`);
    await sleep(500);
  }
}

/** Stops the container, which must end by itself and well. */
async function stop({ id }) {
  await must('stop', '--time', '30', id);
  assert.equal(await must('inspect', '--format', '{{.State.ExitCode}}', id), '0');
  await remove(id);
}

async function remove(id) {
  started.delete(id);
  await run('rm', '--force', '--volumes', id);
}

async function ask({ port }, text) {
  const response = await fetch(`http://127.0.0.1:${port}/process`, {
    method: 'POST',
    headers: { accept: 'application/json' },
    body: JSON.stringify(text),
  });
  assert.equal(response.status, 200);
  return response.json();
}

/** The profile's own example and its labels, in the order of the answer. */
async function answersItsSample(service) {
  const { golden } = parse(readFileSync(join(ROOT, 'models/starter.yaml'), 'utf8'));
  for (const { text, labels } of golden) {
    const answer = await ask(service, text);
    const found = Object.entries(answer).map(([name, { label }]) => [name, label]);
    assert.deepEqual(found, Object.entries(labels));
  }
}

/** The options of a build whose image serves the profile. */
function serving(profile) {
  return ['--build-arg', `PROFILE=${profile}`];
}

async function refuses(command, reason) {
  const { code = 0, stdout, stderr } = await run(...command);
  assert.notEqual(code, 0, `expected a refusal: ${command.join(' ')}`);
  assert.match(stdout + stderr, reason);
}

/** The answer of a container that nobody reaches from outside, so that it asks itself. */
async function answerWithoutNetwork(tag, path, texts) {
  const id = await must('run', '--detach', ...HARDENED, '--network', 'none', tag);
  started.add(id);
  await untilHealthy(id);
  const ask = `
    const body = ${JSON.stringify(JSON.stringify({ text: texts }))};
    const response = await fetch('http://127.0.0.1:8080${path}', { method: 'POST', body });
    console.log(await response.text());`;
  const answer = await must('exec', id, 'node', '--input-type=module', '--eval', ask);
  await stop({ id });
  return JSON.parse(answer);
}

async function tellsMoodsWithoutNetwork(tag) {
  const { predictions } = await answerWithoutNetwork(tag, '/predict', [
    'I love you.',
    'I hate you.',
  ]);
  const best = predictions.map(([first]) => first.label);
  assert.deepEqual(best, ['POSITIVE', 'NEGATIVE']);
}

const trials = {
  /** The default image: hardened, healthy, nothing superfluous in it, stopped well. */
  async cpu() {
    await build('Dockerfile-cpu', 'chorus-cpu');
    const service = await start('chorus-cpu');
    await answersItsSample(service);
    const metrics = await (await fetch(`http://127.0.0.1:${service.adminPort}/metrics`)).text();
    assert.match(metrics, /^chorus_ready 1$/m);
    const shell = (script) => must('exec', service.id, 'sh', '-c', script);
    assert.equal(await shell('id -u; id -g'), '65532\n65532');
    assert.equal(await shell(`command -v ${ABSENT.join(' ')} || true`), '');
    await refuses(['exec', service.id, 'touch', '/app/file'], /[Rr]ead-only/);
    await untilCalledHealthy(service.id);
    await stop(service);
  },

  /** A profile from a hub: pulled, converted and locked at build, served without a network. */
  async challenge() {
    const profile = serving('challenge');
    await withSmallHub('challenge', ['jy46604790'], async (from) => {
      await build('Dockerfile-cpu', 'chorus-challenge', ...from, ...profile);
      const wrong = [...from, ...profile, '--build-arg', 'PRECISION=int4'];
      await refuses(buildCommand('Dockerfile-cpu', 'chorus-refused', wrong), /int4.* exact, bf16/);
    });
    assert.ok(!(await must('history', '--no-trunc', 'chorus-challenge')).includes(TOKEN));
    const service = await start('chorus-challenge');
    const { models } = parse(readFileSync(join(ROOT, 'models/challenge.yaml'), 'utf8'));
    const names = models.map(({ name }) => name);
    assert.deepEqual(Object.keys(await ask(service, 'A fine day')), names);
    const left = ['exec', service.id, 'find', '/models', '-name', 'pytorch_model.bin'];
    assert.equal(await must(...left), '');
    await stop(service);
  },

  /** The model is in the image, a starter's and one from a hub: a container without any network answers. */
  async sentiment() {
    await build('Dockerfile-cpu', 'chorus-sentiment-starter', ...serving('sentiment-starter'));
    await tellsMoodsWithoutNetwork('chorus-sentiment-starter');
    await withSmallHub('sentiment', [], (from) =>
      build('Dockerfile-cpu', 'chorus-sentiment', ...from, ...serving('sentiment')),
    );
    await tellsMoodsWithoutNetwork('chorus-sentiment');
  },

  /** A scikit-learn pipeline in an image without Python, a network or a locale. */
  async classic() {
    await build('Dockerfile-cpu', 'chorus-classic', ...serving('classic'));
    const { golden } = parse(readFileSync(join(ROOT, 'models/classic.yaml'), 'utf8'));
    const texts = golden.map(({ text }) => text.toUpperCase());
    assert.deepEqual(
      await answerWithoutNetwork('chorus-classic', '/prediction', texts),
      golden.map(({ labels }) => ({ label: labels.topic })),
    );
  },

  /** No models in the image: it says which are missing, and serves those that are mounted. */
  async mounted() {
    const options = ['PROFILE=challenge', 'MODELS=mounted'].flatMap((arg) => ['--build-arg', arg]);
    await build('Dockerfile-cpu', 'chorus-mounted', ...options);
    await refuses(['run', '--rm', 'chorus-mounted'], /cardiffnlp .* is not pulled/);
    const folder = join(ROOT, 'models/starter');
    const volume = ['-v', `${folder}:/checkpoints:ro`, '-e', 'CHORUS_MODELS_DIR=/checkpoints'];
    const service = await start('chorus-mounted', ...volume);
    await answersItsSample(service);
    await stop(service);
  },

  /** The challenge's load from its own container: every answer passes, and what is no service fails. */
  async autotests() {
    await build('Dockerfile-cpu', 'chorus-cpu');
    await build('autotests/app/Dockerfile', 'chorus-autotests');
    const service = await start('chorus-cpu');
    const load = (url) => {
      const settings = ['-e', 'SCALE=0.02', '-e', `api_host=${url}`];
      return ['run', '--rm', ...HARDENED, '--network', 'host', ...settings, 'chorus-autotests'];
    };
    const report = await must(...load(`http://127.0.0.1:${service.port}/process`));
    assert.match(report, /^Every threshold was met\./m);
    await refuses(load(`http://127.0.0.1:${service.port}/elsewhere`), /Missed: `checks/);
    await stop(service);
  },

  /** With a GPU it answers; without one it does not start, and says why. */
  async gpu() {
    await build('Dockerfile-gpu', 'chorus-gpu');
    if (spawnSync('nvidia-smi').status !== 0) {
      console.log('chorus-gpu: no GPU here, so it must refuse to start');
      await refuses(
        ['run', '--rm', ...HARDENED, 'chorus-gpu'],
        /the NVIDIA driver \(libcuda\.so\.1\) is not installed/,
      );
      return;
    }
    const gpu = isPodman ? ['--device', 'nvidia.com/gpu=0'] : ['--gpus', '1'];
    const service = await start('chorus-gpu', '--memory', '4g', ...gpu);
    await answersItsSample(service);
    await stop(service);
  },
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(trials, name));
if (engine === undefined) {
  console.error('No container engine answers; start docker or podman, or name one with ENGINE.');
  process.exit(1);
}
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}; there are ${Object.keys(trials).join(', ')}.`);
  process.exit(2);
}
try {
  for (const name of names.length > 0 ? names : Object.keys(trials)) {
    await trials[name]();
    console.log(`${name}: passed`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await Promise.all([...started].map(remove));
}
