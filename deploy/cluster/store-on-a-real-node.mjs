/**
 * The example of an index on several machines, run for real: three nodes of Weaviate, a Job that publishes, and the service
 * with the example's values. The image must hold the profile `retrieval-starter`; Weaviate is that of the tests.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';

import { weaviateImage } from './lib/image-archive.mjs';
import { underLoad } from './lib/steady-load.mjs';
import { demand, step } from './lib/steps.mjs';
import { NAMESPACE as STORE, weaviateObjects } from './lib/weaviate-objects.mjs';

const root = join(import.meta.dirname, '../..');
const EXAMPLE = join(root, 'deploy/examples/retrieval-store');
const IMAGE = 'chorus.test/weaviate:tests';
const NAMESPACE = 'questions';
const QUESTION = JSON.stringify({ instances: ['I forgot my password'], ids: true });
const ANSWER = 'How do I reset my password?';

/** As long as three nodes are killed and come back, and more. */
const KILL_SECONDS = 90;

/** `values` name `image`, which the node has. */
export async function tryStore(plane, node, image, values) {
  const store = new Store(plane, node, image, values);
  await step('an index on several machines: three nodes of the store are ready', () =>
    store.start(),
  );
  await step('a Job publishes', () => store.publish());
  await step('the service answers out of the store', () => store.serve());
  await step('helm test', () => store.test());
  await step('each node is killed in its turn, and no request is lost', () => store.killEach());
  await step('the same Job again changes nothing', () => store.publish(/was published already/));
}

class Store {
  constructor(plane, node, image, values) {
    this.plane = plane;
    this.node = node;
    this.image = image;
    this.values = values;
  }

  async start() {
    const { plane, node } = this;
    await node.importImage(
      await weaviateImage(`${plane.folder}/weaviate`, IMAGE, process.env.WEAVIATE),
    );
    await plane.createNamespace(STORE, { enforce: 'baseline' });
    await plane.createNamespace(NAMESPACE);
    const { env, replicas } = read('weaviate.yaml');
    for (const object of weaviateObjects(IMAGE, replicas, env)) await plane.apply(object);
    await plane.until(
      'all nodes are ready',
      async () => (await this.ready()) === replicas,
      180_000,
    );
  }

  async publish(said = /is published in Chorus in the store/) {
    const { plane, image } = this;
    const job = read('publish.yaml');
    const [container] = job.spec.template.spec.containers;
    Object.assign(container, { image, imagePullPolicy: 'Never' });
    const [name, where] = [job.metadata.name, ['--namespace', NAMESPACE]];
    await plane.kubectl('delete', 'job', name, ...where, '--ignore-not-found');
    await plane.apply({ ...job, metadata: { name, namespace: NAMESPACE } });
    const done = ['--for=condition=Complete', `job/${name}`, '--timeout=110s'];
    await plane.kubectlWith({ timeoutMs: 120_000 }, 'wait', ...done, ...where);
    const written = await plane.kubectl('logs', `job/${name}`, ...where);
    demand(said.test(written), written);
  }

  async serve() {
    const chart = [join(root, 'helm'), `--values=${join(EXAMPLE, 'chorus.yaml')}`];
    await this.helm('install', 'questions', ...chart, ...this.values, '--wait', '--timeout=180s');
    const { match } = await (
      await fetch(await this.target(), { method: 'POST', body: QUESTION })
    ).json();
    demand(match?.text === ANSWER, JSON.stringify(match));
  }

  async test() {
    const output = await this.helm('test', 'questions', '--logs', '--timeout=120s');
    demand(/^ok /m.test(output) && !/WRONG/.test(output), output);
  }

  async killEach() {
    const load = { target: await this.target(), body: QUESTION, seconds: KILL_SECONDS };
    return underLoad(load, async () => {
      for (const { metadata } of await this.pods()) await this.killAndWait(metadata.name);
    });
  }

  /** The kubelet starts it again. */
  async killAndWait(name) {
    const status = async () => {
      const { status } = (await this.pods()).find(({ metadata }) => metadata.name === name);
      return status.containerStatuses[0];
    };
    const { containerID, restartCount } = await status();
    await this.node.kill(containerID);
    await this.plane.until(`${name} is back`, async () => {
      const now = await status();
      return now.ready && now.restartCount > restartCount;
    });
  }

  async pods() {
    return (await this.plane.get('pods', '--namespace', STORE)).items;
  }

  async ready() {
    const pods = await this.pods();
    return pods.filter(({ status }) => status.containerStatuses?.[0].ready).length;
  }

  async target() {
    return `${await this.plane.urlOf('questions-chorus', NAMESPACE)}/process`;
  }

  helm(command, ...args) {
    return this.plane.helm(command, ...args, '--namespace', NAMESPACE);
  }
}

function read(name) {
  return parse(readFileSync(join(EXAMPLE, name), 'utf8'));
}
