/**
 * The example of two services behind one host (deploy/examples/two-services), in a cluster: installed as its
 * README says, and looked at.
 */

import { join } from 'node:path';

import { run, tool } from './programs.mjs';
import { demand } from './steps.mjs';

const root = join(import.meta.dirname, '../../..');
export const EXAMPLE = join(root, 'deploy/examples/two-services');
export const RELEASES = ['project', 'lab'];
export const ROUTES = ['istio', 'gateway', 'ingress'];

export const serviceOf = (release) => `${release}-prediction-service`;

const EXPECTED = {
  deployments: ['lab-prediction-service', 'project-prediction-service', 'redis-service'],
  services: ['lab-prediction-service', 'project-prediction-service', 'redis-service'],
  horizontalpodautoscalers: ['lab-prediction-service', 'project-prediction-service'],
};

export class TwoServices {
  constructor(plane, namespace) {
    this.plane = plane;
    this.namespace = namespace;
  }

  /** Installs or upgrades a release, which is ready after it. */
  release(command, name, ...more) {
    const chart = join(root, 'helm');
    const values = `--values=${join(EXAMPLE, `${name}.yaml`)}`;
    return this.helm(command, name, chart, values, '--wait', '--timeout=240s', ...more);
  }

  helm(command, ...args) {
    return this.plane.helm(command, ...args, '--namespace', this.namespace);
  }

  get(...args) {
    return this.plane.get(...args, '--namespace', this.namespace);
  }

  async names(kind) {
    return (await this.get(kind)).items.map(({ metadata }) => metadata.name).sort();
  }

  /** Applies the routes of these folders of the example. */
  async route(...folders) {
    for (const folder of folders) {
      const { stdout } = await run(tool('kustomize'), ['build', join(EXAMPLE, 'routes', folder)]);
      await this.plane.kubectlWith(
        { input: stdout },
        ...['apply', '--namespace', this.namespace, '--filename=-'],
      );
    }
  }

  /** That there is what the example promises, and each kind of `routes` once. */
  async requireObjects(routes) {
    const expected = {
      ...EXPECTED,
      ...Object.fromEntries(routes.map((kind) => [kind, ['external-access']])),
    };
    for (const [kind, names] of Object.entries(expected)) {
      const found = await this.names(kind);
      demand(
        found.join() === names.join(),
        `there are the ${kind} ${found.join()}, not ${names.join()}`,
      );
    }
  }

  /** The VirtualService's matches, each with the service and port that it leads to. */
  async paths() {
    const { spec } = await this.get('virtualservice', 'external-access');
    return spec.http.flatMap(({ match, route: [{ destination }] }) =>
      match.map(({ uri }) => ({ uri, host: destination.host, port: destination.port.number })),
    );
  }

  /** The password that the chart made. */
  async password() {
    const { data } = await this.get('secret', 'redis-service');
    return Buffer.from(data.password, 'base64').toString();
  }

  /** The pods whose requests the network policy of Redis lets in. */
  async podsLetIn() {
    const { spec } = await this.get('networkpolicy', 'redis-service');
    const peers = spec.ingress[0].from.map(({ podSelector }) => podSelector.matchLabels);
    const { items } = await this.get('pods');
    return items
      .filter(({ metadata: { labels } }) =>
        peers.some((peer) => Object.entries(peer).every(([name, value]) => labels[name] === value)),
      )
      .map(({ metadata }) => metadata.name);
  }
}
