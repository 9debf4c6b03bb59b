// Builds the images and runs them as an operator would: node deploy/images/try.mjs [NAME…]
//
// Each name is a trial at the end of this file; without names all are tried. Needs docker or podman
// (ENGINE names one), and the built service for the hub that the challenge is pulled from. The first
// failure ends it with exit code 1; the containers are removed in any case.
//
// NODE_IMAGE, RUST_IMAGE, PYTHON_IMAGE, RUNTIME_IMAGE and K6_IMAGE replace base images (see stand-ins.sh).
// NETWORK=host builds and runs on the host's network, where containers have none of their own.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parse } from 'yaml';

import { ROOT } from '../../bench/lib/paths.mjs';
import {
  build,
  buildCommand,
  buildIn,
  engine,
  HARDENED,
  isPodman,
  must,
  refuses,
  removeAll,
  start,
  startWithoutNetwork,
  stop,
  untilCalledHealthy,
} from './engine.mjs';
import { TOKEN, withSmallHub } from './small-hub.mjs';

/** What the runtime stage promises to do without. */
const ABSENT = ['npm', 'npx', 'gcc', 'cc', 'cargo', 'python3', 'pip', 'curl', 'wget', 'git'];

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

/** The answer of a container that nobody reaches from outside, so that it asks itself. */
async function answerWithoutNetwork(tag, path, body) {
  const service = await startWithoutNetwork(tag);
  const ask = `
    const body = ${JSON.stringify(JSON.stringify(body))};
    const response = await fetch('http://127.0.0.1:8080${path}', { method: 'POST', body });
    console.log(await response.text());`;
  const answer = await must('exec', service.id, 'node', '--input-type=module', '--eval', ask);
  await stop(service);
  return JSON.parse(answer);
}

async function inScratchFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-images-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function tellsMoodsWithoutNetwork(tag) {
  const { predictions } = await answerWithoutNetwork(tag, '/predict', {
    text: ['I love you.', 'I hate you.'],
  });
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
    const text = golden.map(({ text }) => text.toUpperCase());
    assert.deepEqual(
      await answerWithoutNetwork('chorus-classic', '/prediction', { text }),
      golden.map(({ labels }) => ({ label: labels.topic })),
    );
  },

  /** The encoder, its index and the texts are in the image. */
  async retrieval() {
    await build('Dockerfile-cpu', 'chorus-retrieval', ...serving('retrieval-starter'));
    const question = { instances: ['I forgot my password'] };
    assert.deepEqual(await answerWithoutNetwork('chorus-retrieval', '/process', question), {
      match: 'How do I reset my password?',
    });
  },

  /** Another release of the service pushes its own layer and none of the models', however they were pulled. */
  async layers() {
    // Both times the stages of the models and of the image are made, whatever the builder remembers.
    const options = [...serving('challenge'), '--no-cache-filter', 'models,checked,runtime'];
    const layersOf = async (tag) =>
      JSON.parse(await must('image', 'inspect', '--format', '{{json .RootFS.Layers}}', tag));
    await inScratchFolder(async (release) => {
      const sent = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
      for (const path of sent.split('\0').filter(Boolean)) {
        cpSync(join(ROOT, path), join(release, path));
      }
      appendFileSync(join(release, 'src/cli/main.ts'), '// Another release.\n');
      await withSmallHub('challenge', [], async (from) => {
        await build('Dockerfile-cpu', 'chorus-challenge', ...from, ...options);
        const file = join(release, 'Dockerfile-cpu');
        await buildIn(release, file, 'chorus-challenge-next', ...from, ...options);
      });
    });
    const before = await layersOf('chorus-challenge');
    const after = await layersOf('chorus-challenge-next');
    // The base, Node, the models, the service. Node's has another time where the build is given none.
    assert.equal(after[2], before[2]);
    assert.notEqual(after[3], before[3]);
  },

  /** The folder that the challenge's organisers build: its models survive their empty volume at /models. */
  async organisers() {
    await inScratchFolder(async (folder) => {
      const script = join(ROOT, 'deploy/examples/challenge/solution.sh');
      execFileSync(script, [join(folder, 'solution')], { stdio: 'ignore' });
      const context = join(folder, 'solution');
      await withSmallHub('challenge', [], (from) =>
        buildIn(context, join(context, 'Dockerfile'), 'chorus-solution', ...from),
      );
    });
    // Their card is not here; what is in the image answers on the CPU.
    const offline = ['--network', 'none', '--tmpfs', '/models', '--entrypoint', 'node'];
    const check = ['dist/cli/main.js', 'check', 'challenge', '--device', 'cpu'];
    const report = await must('run', '--rm', ...offline, 'chorus-solution', ...check);
    assert.match(report, /^Self-test passed\.$/m);
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
  await removeAll();
}
