/**
 * The Job that pulls models, before a real API server and its controllers. Nothing is pulled, since pods only pretend: what
 * is seen is that Jobs end, that pods come, and that nothing is changed that cannot be.
 */

import { join } from 'node:path';

import { demand, step } from './lib/steps.mjs';

const chart = join(import.meta.dirname, '../../helm');

export async function tryPull(plane, namespace) {
  await step('one Job pulls into a claim, another one for another image', () =>
    pullOnce(plane, namespace),
  );
}

async function pullOnce(plane, namespace) {
  const own = ['--namespace', namespace];
  await makeClaim(plane, namespace);
  const jobs = async () => (await plane.get('jobs', ...own)).items;
  const pulled = () =>
    plane.until('one Job has pulled', async () => {
      const [job, ...others] = await jobs();
      return others.length === 0 && job?.status.succeeded === 1 && job.metadata.name;
    });
  const release = (command, ...more) =>
    plane.helm(
      ...[command, 'chorus', chart, ...own, '--wait', '--timeout=90s'],
      '--set=profile.name=challenge,models.source=pull,models.pull.job.enabled=true',
      '--set=persistence.enabled=true,persistence.existingClaim=models',
      ...more,
    );

  await release('install');
  const first = await pulled();
  await release('upgrade', '--set=replicas=3');
  demand((await pulled()) === first, 'the same is pulled by another Job');
  await release('upgrade', '--set=image.tag=0.2.0');
  demand((await pulled()) !== first, 'another image has no Job of its own');
  await plane.helm('uninstall', 'chorus', ...own, '--wait', '--timeout=60s');
  demand((await jobs()).length === 0, 'a Job is left');
}

/** A claim `models` that all pods may have, with a volume that is there. */
async function makeClaim(plane, namespace) {
  const claim = { accessModes: ['ReadWriteMany'], storageClassName: '' };
  const size = { storage: '20Gi' };
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'models' },
    spec: {
      ...claim,
      capacity: size,
      hostPath: { path: '/models' },
      claimRef: { namespace, name: 'models' },
    },
  };
  const models = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'models', namespace },
    spec: { ...claim, volumeName: 'models', resources: { requests: size } },
  };
  await plane.apply({ apiVersion: 'v1', kind: 'List', items: [volume, models] });
}
