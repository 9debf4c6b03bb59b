/**
 * The example of two services, installed by Helm and by kustomize on nodes that run nothing.
 */

import { join } from 'node:path';

import { run, tool } from './lib/programs.mjs';
import { demand, step } from './lib/steps.mjs';
import { EXAMPLE, RELEASES, ROUTES, serviceOf, TwoServices } from './lib/two-services.mjs';

export async function tryTwoServices(plane) {
  const example = new TwoServices(plane, 'two-services');
  await step('two services, one Redis: their objects', () => install(example));
  await step('their password stays, and another one replaces the pods', () =>
    changePassword(example),
  );
  await step('the same by kustomize', () => apply(new TwoServices(plane, 'texts-prod')));
}

/** Both releases in a namespace of their own, with a route of every kind. */
async function install(example) {
  await example.plane.createNamespace(example.namespace);
  for (const name of RELEASES) await example.release('install', name);
  await example.route(...ROUTES);
  await example.requireObjects(['virtualservices', 'httproutes', 'ingresses']);
  for (const { host, port } of await example.paths()) {
    const { spec } = await example.get('service', host);
    demand(
      spec.ports.some((open) => open.port === port),
      `${host} has no port ${port}`,
    );
  }
  const letIn = await example.podsLetIn();
  const pods = await example.names('pods');
  const expected = pods.filter((name) => RELEASES.some((r) => name.startsWith(serviceOf(r))));
  demand(expected.length >= 4, `there are the pods ${pods.join()}`);
  demand(letIn.sort().join() === expected.join(), `Redis lets in ${letIn.join()}`);
  return `${expected.length} pods may ask Redis`;
}

async function changePassword(example) {
  const templates = async () =>
    (await example.get('deployments')).items.map(({ spec }) => JSON.stringify(spec.template));
  const [made, before] = [await example.password(), await templates()];
  for (const name of RELEASES) await example.release('upgrade', name);
  demand((await example.password()) === made, 'an upgrade changed the password');
  const again = await templates();
  demand(again.join() === before.join(), 'an upgrade without a change replaced pods');

  await example.plane.kubectl(
    ...['patch', 'secret', 'redis-service', '--namespace', example.namespace],
    ...['--patch', JSON.stringify({ stringData: { password: 'another' } })],
  );
  for (const name of RELEASES) await example.release('upgrade', name);
  const after = await templates();
  demand(
    after.every((template, index) => template !== before[index]),
    'pods know the old password',
  );
  for (const name of RELEASES.toReversed()) {
    await example.helm('uninstall', name, '--wait', '--timeout=60s');
  }
}

/** The overlay for a mesh as it stands, with the secret that its README says. */
async function apply(applied) {
  const { plane } = applied;
  const { stdout } = await run(tool('kustomize'), [
    'build',
    join(EXAMPLE, 'kustomize/overlays/prod'),
  ]);
  await plane.kubectlWith({ input: stdout }, 'apply', '--filename=-');
  await plane.kubectl(
    ...['create', 'secret', 'generic', 'redis-service', '--from-literal=password=secret'],
    ...['--namespace', applied.namespace],
  );
  await plane.kubectlWith(
    { timeoutMs: 100_000 },
    ...['wait', '--for=condition=Available', 'deployments', '--all', '--timeout=90s'],
    ...['--namespace', applied.namespace],
  );
  await applied.requireObjects(['virtualservices']);
}
