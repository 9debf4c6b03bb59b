/**
 * The chart with the image, run for real: probes, signals, users, volumes, services. Runs inside
 * `isolated.mjs`, on an archive of the image with the starter profile.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { TestHub } from 'chorus-test-hub';
import { parse } from 'yaml';

import { ControlPlane } from './lib/control-plane.mjs';
import { Programs } from './lib/programs.mjs';
import { NODE_ADDRESS, RealNode, requirements } from './lib/real-node.mjs';
import { underLoad } from './lib/steady-load.mjs';
import { demand, refused, step } from './lib/steps.mjs';
import { tryStore } from './store-on-a-real-node.mjs';
import { tryTwoServices } from './two-services-on-a-real-node.mjs';

const root = join(import.meta.dirname, '../..');
const chart = join(root, 'helm');
const namespace = 'texts';
const [archive] = process.argv.slice(2);

/** What the image's profile says is right. */
const { golden } = parse(readFileSync(join(root, 'models/starter.yaml'), 'utf8'));
const [{ text: SAMPLE, labels: LABELS }] = golden;

/** As long as pods are replaced, and more. */
const UPGRADE_SECONDS = 90;

const missing = requirements();
if (missing.length > 0) {
  console.error(missing.join('\n'));
  process.exit(2);
}

const folder = process.env.CLUSTER_FOLDER;
const programs = new Programs(folder);
const plane = new ControlPlane(programs, folder);
const node = new RealNode(plane);
/** What `archive` holds, which only the node has; and values with it, for small machines. */
let image;
let values;

try {
  await step('control plane is up', () => plane.start());
  await step('node is ready', () => node.start());
  await step('image is there', importImage);
  await step('install, in a restricted namespace', install);
  await step('helm test', () => helmTest('chorus'));
  await step('helm test fails on another label', failHelmTest);
  await step('the service answers the sample', answerSample);
  await step('a rolling upgrade and a rollback under load lose no request', upgradeUnderLoad);
  await step('a pod that is told to go ends with exit code 0', endWell);
  await step('a release waits for its hub, pulls from it, and serves', waitAndPull);
  await tryTwoServices(plane, node, values);
  await tryStore(plane, node, image, values);
} catch (error) {
  console.error(error.stack, await state(), programs.tails());
  process.exitCode = 1;
} finally {
  await removePods();
  programs.stop();
}

async function importImage() {
  const [name] = await node.importImage(archive);
  demand(name !== undefined, `${archive} holds no image with a name`);
  const [, repository, tag] = /^(.+):([^:]+)$/.exec(name);
  await node.tag(name, `${repository}:next`);
  image = name;
  values = [
    `--set=image.repository=${repository},image.tag=${tag},image.pullPolicy=Never`,
    '--set=resources.requests.cpu=100m,resources.requests.memory=128Mi',
  ];
  return name;
}

async function install() {
  await plane.createNamespace(namespace);
  await helm('install', 'chorus', chart, '--wait', '--timeout=240s', ...values);
}

async function helmTest(release) {
  const output = await helm('test', release, '--logs', '--timeout=120s');
  const compared = output.match(/^(?:ok|WRONG) .*$/gm) ?? [];
  demand(compared.length > 0, output);
  return `${compared.length} labels as expected`;
}

async function failHelmTest() {
  const expect = (...more) => helm('upgrade', 'chorus', chart, '--wait', ...values, ...more);
  await expect('--set=test.labels.svalabs=SPAM');
  await refused(() => helmTest('chorus'), /failed/i);
  await expect();
}

async function answerSample() {
  const response = await fetch(`${await plane.urlOf('chorus', namespace)}/process`, {
    method: 'POST',
    body: JSON.stringify(SAMPLE),
  });
  const answer = await response.json();
  const labels = Object.fromEntries(
    Object.entries(answer).map(([name, { label }]) => [name, label]),
  );
  demand(JSON.stringify(labels) === JSON.stringify(LABELS), JSON.stringify(answer));
  const metrics = await (
    await fetch(`${await plane.urlOf('chorus-metrics', namespace)}/metrics`)
  ).text();
  demand(/^chorus_ready 1$/m.test(metrics), 'the metrics do not say that the service is ready');
}

/** Every pod is replaced twice: by another image, and back. */
async function upgradeUnderLoad() {
  const target = `${await plane.urlOf('chorus', namespace)}/process`;
  const before = await podNames();
  return underLoad({ target, body: JSON.stringify(SAMPLE), seconds: UPGRADE_SECONDS }, async () => {
    const upgrade = ['upgrade', 'chorus', chart, '--wait', '--timeout=180s', ...values];
    await helm(...upgrade, '--set=image.tag=next');
    await helm('rollback', 'chorus', '1', '--wait', '--timeout=180s');
    const after = await podNames();
    demand(!before.some((name) => after.includes(name)), 'a pod was not replaced');
  });
}

async function endWell() {
  const pod = [`pod/${(await podNames())[0]}`, '--namespace', namespace];
  const code = '{.status.containerStatuses[0].state.terminated.exitCode}';
  const ended = plane.kubectlWith(
    { timeoutMs: 90_000 },
    'wait',
    ...pod,
    `--for=jsonpath=${code}=0`,
    '--timeout=60s',
  );
  await Promise.all([ended, plane.kubectl('delete', ...pod, '--wait=false')]);
}

/** A model of a private repository, whose hub is not there at first. */
async function waitAndPull() {
  const port = 8090;
  const revision = '0123456789abcdef0123456789abcdef01234567';
  const token = 'hf_valid';
  await plane.kubectl(
    'create',
    'secret',
    'generic',
    'hub',
    `--from-literal=token=${token}`,
    '--namespace',
    namespace,
  );
  const profile = {
    name: 'mine',
    models: [{ name: 'spam', source: { repo: 'me/spam', revision } }],
    routes: [{ path: '/process', contract: 'process' }],
  };
  const own = {
    replicas: 1,
    profile: { inline: JSON.stringify(profile) },
    models: {
      source: 'pull',
      volume: { emptyDir: { sizeLimit: '1Gi' } },
      pull: {
        endpoint: `http://${NODE_ADDRESS}:${port}`,
        tokenSecret: { name: 'hub', key: 'token' },
      },
    },
    waitFor: [{ name: 'hub', host: NODE_ADDRESS, port }],
    test: { labels: { spam: 'HAM' } },
  };
  const file = join(folder, 'mine.yaml');
  writeFileSync(file, JSON.stringify(own));
  await helm('install', 'mine', chart, ...values, '--values', file);
  await plane.until('the pod waits', async () => {
    const selector = '--selector=app.kubernetes.io/instance=mine';
    const { items } = await plane.get('pods', '--namespace', namespace, selector);
    const [first] = items[0].status.initContainerStatuses;
    return first.name === 'wait-for-hub' && first.state.running !== undefined;
  });

  const model = join(root, 'models/starter/svalabs');
  const files = readdirSync(model).map((name) => [name, { file: join(model, name) }]);
  const hub = await TestHub.start({ host: NODE_ADDRESS, port, tokens: [token] });
  await hub.addRepo({
    repo: 'me/spam',
    id: revision,
    files: Object.fromEntries(files),
    private: true,
  });
  await plane.kubectlWith(
    { timeoutMs: 150_000 },
    'rollout',
    'status',
    'deployment/mine-chorus',
    '--namespace',
    namespace,
    '--timeout=120s',
  );
  const note = await helmTest('mine');
  await hub.close();
  return note;
}

async function podNames() {
  const selector = '--selector=app.kubernetes.io/component=server';
  const { items } = await plane.get('pods', '--namespace', namespace, selector);
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name);
}

function helm(command, ...args) {
  return plane.helm(command, ...args, '--namespace', namespace);
}

/** What a person would look at first. */
async function state() {
  const look = (...args) => plane.kubectl(...args, '--namespace', namespace).catch(String);
  const selector = '--selector=app.kubernetes.io/component=server';
  return [
    await look('get', 'pods', '--output=wide'),
    await look('get', 'events', '--sort-by=.lastTimestamp'),
    await look('logs', selector, '--all-containers', '--tail=20'),
  ].join('\n');
}

/** Containers are ended by containerd; what is left of them would keep their control groups. */
async function removePods() {
  const all = ['delete', 'deployments,pods', '--all', '--all-namespaces', '--grace-period=1'];
  await plane.kubectlWith({ timeoutMs: 40_000 }, ...all, '--timeout=30s').catch(() => {});
}
