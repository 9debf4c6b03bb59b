// Docker or podman, whichever answers (ENGINE names one): images are built and containers run as an operator would.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { ROOT } from '../../bench/lib/paths.mjs';
import { freePorts } from '../../bench/lib/server.mjs';

const BASES = ['NODE_IMAGE', 'RUST_IMAGE', 'PYTHON_IMAGE', 'RUNTIME_IMAGE', 'K6_IMAGE'];
const HOST_NETWORK = process.env.NETWORK === 'host';
const HEALTHY_WITHIN_MS = 60_000;
/** Nothing that a restricted cluster forbids, and a limit that a leak would hit. */
export const HARDENED = [
  ...['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
  ...['--memory', '512m', '--pids-limit', '128'],
];

/** The command, or `undefined` where none answers. */
export const engine = process.env.ENGINE ?? ['docker', 'podman'].find(answers);
export const isPodman = engine?.endsWith('podman') ?? false;
const started = new Set();

/** Whether `command` has an engine to talk to. */
function answers(command) {
  return spawnSync(command, ['info'], { stdio: 'ignore' }).status === 0;
}

/** Runs the engine; resolves with `stdout`, `stderr` and, where it failed, `code`. */
async function run(...args) {
  const options = { cwd: ROOT, maxBuffer: 64 << 20 };
  // The rejection carries code, stdout and stderr as well: a refusal is a result here.
  return promisify(execFile)(engine, args, options).catch((error) => error);
}

/** Like `run`, for what must succeed. */
export async function must(...args) {
  const { code = 0, stdout, stderr } = await run(...args);
  assert.equal(code, 0, `${engine} ${args.join(' ')}\n${stderr.slice(-4000)}`);
  return stdout.trim();
}

/** The arguments that build `tag` of the Dockerfile `file`; `context` is the project unless it says another. */
export function buildCommand(file, tag, options, context = '.') {
  const bases = BASES.filter((name) => process.env[name]);
  // Podman leaves the health check out of an image in its own format.
  const format = isPodman ? ['--format', 'docker', '--pull=missing'] : [];
  return [
    ...['build', '--file', file, '--tag', tag, ...format, ...options],
    ...bases.flatMap((name) => ['--build-arg', `${name}=${process.env[name]}`]),
    ...(HOST_NETWORK ? ['--network', 'host'] : []),
    context,
  ];
}

/** Builds an image, and prints how long that took and how large it is. */
export async function build(file, tag, ...options) {
  await buildIn('.', file, tag, ...options);
}

/** Like `build`, of another folder than the project. */
export async function buildIn(context, file, tag, ...options) {
  const begin = performance.now();
  await must(...buildCommand(file, tag, options, context));
  const bytes = Number(await must('image', 'inspect', '--format', '{{.Size}}', tag));
  const seconds = Math.round((performance.now() - begin) / 1000);
  console.log(`${tag}: built in ${seconds} s, ${Math.round(bytes / 1e6)} MB`);
}

/** Starts a hardened container; resolves with how it is reached and stopped once it is healthy. */
export async function start(tag, ...options) {
  const [port, adminPort] = await freePorts(2);
  const network = HOST_NETWORK
    ? ['--network', 'host', '-e', `CHORUS_PORT=${port}`, '-e', `CHORUS_ADMIN_PORT=${adminPort}`]
    : ['-p', `127.0.0.1:${port}:8080`, '-p', `127.0.0.1:${adminPort}:9090`];
  return { ...(await startWith([...network, ...options], tag)), port, adminPort };
}

/** Starts a hardened container that nobody reaches from outside. */
export function startWithoutNetwork(tag) {
  return startWith(['--network', 'none'], tag);
}

async function startWith(options, tag) {
  const id = await must('run', '--detach', ...HARDENED, ...options, tag);
  started.add(id);
  await untilHealthy(id);
  return { id };
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
export async function untilCalledHealthy(id) {
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
export async function stop({ id }) {
  await must('stop', '--time', '30', id);
  assert.equal(await must('inspect', '--format', '{{.State.ExitCode}}', id), '0');
  await remove(id);
}

async function remove(id) {
  started.delete(id);
  await run('rm', '--force', '--volumes', id);
}

/** Removes what was started and not stopped. */
export async function removeAll() {
  await Promise.all([...started].map(remove));
}

/** Runs what must fail, and say why. */
export async function refuses(command, reason) {
  const { code = 0, stdout, stderr } = await run(...command);
  assert.notEqual(code, 0, `expected a refusal: ${command.join(' ')}`);
  assert.match(stdout + stderr, reason);
}
